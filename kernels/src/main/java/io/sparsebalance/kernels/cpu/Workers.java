package io.sparsebalance.kernels.cpu;

/** The threads of one CPU device. Tasks must be independent: then results do not depend on the number of threads. */
interface Workers {
    /** Threads that take part, the calling one included. */
    int numThreads();

    /**
     * Runs tasks 0 to {@code numTasks - 1} and returns when all are done; the first exception of a task is rethrown after
     * that. Called on the device thread only.
     */
    void forEach(int numTasks, Task body);

    /** One task. */
    @FunctionalInterface
    interface Task {
        /** Runs a task; {@code worker} is below {@link #numThreads()} and names scratch space that no other task uses now. */
        void run(int task, int worker);
    }
}

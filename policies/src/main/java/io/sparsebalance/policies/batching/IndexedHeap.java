package io.sparsebalance.policies.batching;

/** Numbers 0 to n-1 in a binary heap, the smallest key on top, that knows where each number is, so that keys may change. */
final class IndexedHeap {
    private final double[] keys;
    private final int[] heap;
    private final int[] places;
    private int size;

    /** All numbers; {@code keys} is owned by the heap from now on. */
    IndexedHeap(double[] keys) {
        this.keys = keys;
        this.size = keys.length;
        this.heap = new int[size];
        this.places = new int[size];
        for (int i = 0; i < size; i++) {
            heap[i] = i;
            places[i] = i;
        }
        for (int i = size / 2 - 1; i >= 0; i--) {
            down(i);
        }
    }

    int size() {
        return size;
    }

    /** The number at a place of the heap: 0 has the smallest key, and the first few places hold small ones. */
    int at(int place) {
        return heap[place];
    }

    /** Changes the key of a number; nothing happens to one that was removed. */
    void update(int number, double key) {
        keys[number] = key;
        int place = places[number];
        if (place >= 0) {
            up(place);
            down(places[number]);
        }
    }

    /** Takes the number with the smallest key out. */
    void removeTop() {
        places[heap[0]] = -1;
        size--;
        if (size > 0) {
            put(heap[size], 0);
            down(0);
        }
    }

    private void put(int number, int place) {
        heap[place] = number;
        places[number] = place;
    }

    private void up(int from) {
        int number = heap[from];
        int place = from;
        while (place > 0 && keys[heap[(place - 1) / 2]] > keys[number]) {
            put(heap[(place - 1) / 2], place);
            place = (place - 1) / 2;
        }
        put(number, place);
    }

    private void down(int from) {
        int number = heap[from];
        int place = from;
        while (2 * place + 1 < size) {
            int child = 2 * place + 1;
            if (child + 1 < size && keys[heap[child + 1]] < keys[heap[child]]) {
                child++;
            }
            if (keys[heap[child]] >= keys[number]) {
                break;
            }
            put(heap[child], place);
            place = child;
        }
        put(number, place);
    }
}

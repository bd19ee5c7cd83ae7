package io.sparsebalance.policies.cost;

/**
 * Least squares with coefficients that are not negative, for a handful of features: every subset of the features is solved by
 * the normal equations, and the best whose coefficients are all positive is taken. Errors are relative to the target, so that
 * short and long times weigh alike.
 */
final class NonNegativeFit {
    private NonNegativeFit() {
    }

    /** Coefficients of {@code targets ~ sum of coefficient * feature}; rows of {@code features} are observations. */
    static double[] solve(double[][] features, double[] targets) {
        int n = features[0].length;
        double[] best = new double[n];
        double bestError = Double.POSITIVE_INFINITY;
        for (int subset = 1; subset < 1 << n; subset++) {
            double[] candidate = solveSubset(features, targets, subset);
            if (candidate != null) {
                double error = error(features, targets, candidate);
                if (error < bestError) {
                    bestError = error;
                    best = candidate;
                }
            }
        }
        return best;
    }

    private static double error(double[][] features, double[] targets, double[] coefficients) {
        double error = 0;
        for (int i = 0; i < targets.length; i++) {
            double predicted = 0;
            for (int f = 0; f < coefficients.length; f++) {
                predicted += coefficients[f] * features[i][f];
            }
            double relative = (predicted - targets[i]) / targets[i];
            error += relative * relative;
        }
        return error;
    }

    private static double[] solveSubset(double[][] features, double[] targets, int subset) {
        int n = features[0].length;
        int size = Integer.bitCount(subset);
        int[] columns = new int[size];
        for (int f = 0, c = 0; f < n; f++) {
            if ((subset & 1 << f) != 0) {
                columns[c++] = f;
            }
        }
        double[][] system = new double[size][size + 1];
        double[] scale = new double[size];
        for (int c = 0; c < size; c++) {
            for (double[] row : features) {
                scale[c] = Math.max(scale[c], Math.abs(row[columns[c]]));
            }
            if (scale[c] == 0) {
                return null;
            }
        }
        for (int i = 0; i < targets.length; i++) {
            double weight = 1 / (targets[i] * targets[i]);
            for (int a = 0; a < size; a++) {
                double left = weight * features[i][columns[a]] / scale[a];
                for (int b = 0; b < size; b++) {
                    system[a][b] += left * features[i][columns[b]] / scale[b];
                }
                system[a][size] += left * targets[i];
            }
        }
        if (!eliminate(system)) {
            return null;
        }
        double[] coefficients = new double[n];
        for (int c = 0; c < size; c++) {
            double value = system[c][size] / scale[c];
            if (!(value > 0)) {
                return null;
            }
            coefficients[columns[c]] = value;
        }
        return coefficients;
    }

    /** Gauss-Jordan with row exchange; false if the system has no single solution. */
    private static boolean eliminate(double[][] system) {
        int n = system.length;
        for (int c = 0; c < n; c++) {
            int pivot = c;
            for (int r = c + 1; r < n; r++) {
                if (Math.abs(system[r][c]) > Math.abs(system[pivot][c])) {
                    pivot = r;
                }
            }
            double[] swapped = system[c];
            system[c] = system[pivot];
            system[pivot] = swapped;
            if (Math.abs(system[c][c]) < 1e-14) {
                return false;
            }
            for (int r = 0; r < n; r++) {
                if (r != c) {
                    double factor = system[r][c] / system[c][c];
                    for (int k = c; k <= n; k++) {
                        system[r][k] -= factor * system[c][k];
                    }
                }
            }
            double pivotValue = system[c][c];
            for (int k = c; k <= n; k++) {
                system[c][k] /= pivotValue;
            }
        }
        return true;
    }
}

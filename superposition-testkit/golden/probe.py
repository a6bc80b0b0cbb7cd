"""Ridge regression, scores and correlations by scikit-learn and NumPy in f64: probe.json."""

from golden_file import columns, vector, write

import numpy as np
import sklearn
from sklearn.linear_model import Ridge
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score

M, T, N_TRAIN, N_TEST = 4, 3, 40, 20


def ridges():
    rng = np.random.default_rng(7)
    mixing = rng.standard_normal((T, M))
    offset = np.array([0.0, 2.0, -1.0])

    def draw(n):
        activations = rng.standard_normal((n, M)) * [1.0, 2.0, 0.5, 1.0] + [0.0, 1.0, -3.0, 0.5]
        return activations, activations @ mixing.T + offset + 0.7 * rng.standard_normal((n, T))

    (h, y), (h_test, y_test) = draw(N_TRAIN), draw(N_TEST)
    cases = []
    for intercept in (True, False):
        for penalty in (1e-6, 0.5, 30.0):
            # The default solver of dense data is Cholesky, as ours; SVD is the independent one.
            fitted = Ridge(alpha=penalty, fit_intercept=intercept, solver="svd").fit(h, y)
            prediction = fitted.predict(h_test)
            cases.append(dict(
                penalty=penalty, intercept=intercept, weights=columns(fitted.coef_.T),
                intercepts=vector(np.broadcast_to(fitted.intercept_, T)), predictions_test=columns(prediction.T),
                r_squared_train=vector(r2_score(y, fitted.predict(h), multioutput="raw_values")),
                r_squared_test=vector(r2_score(y_test, prediction, multioutput="raw_values"))))
    data = dict(activations=columns(h.T), targets=columns(y.T), activations_test=columns(h_test.T),
                targets_test=columns(y_test.T))
    return data, cases


def score(name, scores, labels, threshold):
    return dict(name=name, scores=vector(scores), labels=[bool(label) for label in labels], threshold=threshold,
                auroc=float(roc_auc_score(labels, scores)), accuracy=float(accuracy_score(labels, scores > threshold)))


def scores():
    rng = np.random.default_rng(8)
    labels = rng.random(50) < 0.3
    noise = rng.standard_normal(50)
    return [
        score("informative", labels + 0.8 * noise, labels, 0.5),
        score("noise", noise, labels, 0.0),
        score("ties", np.round(labels + 0.8 * noise), labels, 0.5),
        score("all_tied", np.ones(50), labels, 0.5),
        score("perfect", labels.astype(float), labels, 0.5),
        score("reversed", -labels.astype(float), labels, -0.5),
    ]


def correlations():
    rng = np.random.default_rng(9)
    features = rng.random((5, 30)) * (rng.random((5, 30)) < 0.4)
    neurons = rng.standard_normal((3, 5)) @ features + 0.1 * rng.standard_normal((3, 30))
    return dict(neurons=columns(neurons), features=columns(features),
                correlations=columns(np.corrcoef(neurons, features)[:3, 3:]))


data, cases = ridges()
write("probe.json", {
    "about": "f64; samples in columns: activations m x N, targets t x N, weights m x t; penalty is scikit-learn's "
             "alpha, absolute; a prediction is positive where score > threshold; correlations neurons x features",
    "numpy": np.__version__,
    "scikit_learn": sklearn.__version__,
    "data": data,
    "ridge": cases,
    "scores": scores(),
    "correlation": correlations(),
})

"""scikit-learn's own checks of an estimator."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from tsrnn import RNNForecaster

ROWS_ARE_TIME = "the rows of a forecast follow each other in time: their order and number matter"
EXPECTED_FAILURES = {
    "check_methods_sample_order_invariance": ROWS_ARE_TIME,
    "check_methods_subset_invariance": ROWS_ARE_TIME,
    "check_sample_weight_equivalence_on_dense_data": "a row left out, or there twice, is a gap in "
    "time, or another moment; a weight is neither",
    "check_regressor_data_not_an_array": "it asks for a forecast of the rows of a frame that it "
    "fitted; rows with an index must come after those of the fit",
    "check_estimators_empty_data_messages": "a forecaster needs no covariates: an array without "
    "columns says how many rows there are, and that is all that is needed beside a target",
}


@parametrize_with_checks(
    [RNNForecaster(cell="rnn", lookback=2, hidden_size=2, max_epochs=1, windows_per_epoch=8)],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES,
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)

"""Training that ends early: Ctrl-C, divergence."""

import numpy as np
import pandas as pd
import pytest
from small import daily, small, wave
from test_training import assert_same_weights

from tsrnn.kernels.tape import batches

DIVERGING = {"learning_rate": 1e6, "normalize": None, "clip_norm": None, "optimizer": "sgd"}


@pytest.fixture
def interrupt(monkeypatch, native_call):
    """Presses Ctrl-C after so many native calls that train: each a step, in an epoch of two."""

    def after(count):
        left, run = iter(range(count)), native_call.run

        def run_or_interrupt(self, *arguments):
            if self.kind.training and next(left, None) is None:
                raise KeyboardInterrupt
            run(self, *arguments)

        monkeypatch.setattr(batches, "_SECONDS_IN_A_CALL", 0.0)
        monkeypatch.setattr(native_call, "run", run_or_interrupt)

    return after


# Ctrl-C


@pytest.mark.parametrize("early_stopping", [False, True])
def test_an_interrupt_keeps_what_was_learned(interrupt, early_stopping):
    """Two epochs of two steps are over, and a step of the third."""
    options = {"lr_schedule": "constant", "early_stopping": early_stopping, "horizon": 2}
    two_epochs = small(max_epochs=2, **options).fit(daily())
    interrupt(5)
    with pytest.warns(UserWarning, match="interrupted in epoch 3") as caught:
        forecaster = small(max_epochs=50, **options).fit(daily())
    assert caught[0].filename == __file__, "the warning should point at the call of fit"
    assert forecaster.n_iter_ == 2
    assert forecaster.loss_curve_ == two_epochs.loss_curve_
    assert forecaster.best_loss_ == two_epochs.best_loss_
    assert not forecaster._memory.values.any()
    assert not forecaster._memory.steps.any()
    assert np.isfinite(forecaster.predict()).all()
    if early_stopping:
        assert_same_weights(forecaster, two_epochs)
    else:
        assert not np.array_equal(forecaster.predict(), two_epochs.predict())


def test_an_interrupt_before_the_first_epoch_is_over(interrupt):
    interrupt(0)
    with pytest.warns(UserWarning, match="interrupted in epoch 1"):
        forecaster = small().fit(daily())
    assert forecaster.n_iter_ == 0
    assert forecaster.loss_curve_ == []
    assert np.isfinite(forecaster.predict()).all()


def test_an_interrupt_is_the_end_of_a_refit_too(interrupt):
    options = {"lr_schedule": "constant", "early_stopping": True}
    two_epochs = small(max_epochs=2, **options).fit(daily())
    interrupt(5)
    with pytest.warns(UserWarning, match="interrupted in epoch 3") as caught:
        forecaster = small(max_epochs=50, refit=True, **options).fit(daily())
    assert len(caught) == 1
    assert forecaster.loss_curve_ == two_epochs.loss_curve_
    assert_same_weights(forecaster, two_epochs)


def test_an_interrupt_during_validation(monkeypatch, engine_class):
    """The epoch that is not validated does not count."""
    passes, loss = iter(range(2)), engine_class.loss

    def loss_or_interrupt(self, *arguments):
        if next(passes, None) is None:
            raise KeyboardInterrupt
        return loss(self, *arguments)

    monkeypatch.setattr(engine_class, "loss", loss_or_interrupt)
    with pytest.warns(UserWarning, match="interrupted in epoch 3"):
        forecaster = small(max_epochs=9, early_stopping=True).fit(daily())
    assert len(forecaster.loss_curve_) == len(forecaster.validation_scores_) == 2


def test_after_an_interrupt_everything_works(interrupt, monkeypatch):
    interrupt(1)
    forecaster = small()
    with pytest.warns(UserWarning, match="interrupted"):
        forecaster.fit(daily())
    monkeypatch.undo()
    pd.testing.assert_series_equal(
        forecaster.fit(daily()).predict(), small().fit(daily()).predict()
    )


# Divergence


@pytest.mark.parametrize(
    "options",
    [{}, {"cell": "lstm"}, {"activation": "relu"}, {"learning_rate": 1e30}, {"horizon": 7}],
    ids=str,
)
def test_divergence_is_explained_and_leaves_finite_weights(options):
    forecaster = small(**DIVERGING | {"max_epochs": 9} | options)
    with pytest.raises(FloatingPointError) as caught:
        forecaster.fit(daily())
    message = str(caught.value)
    assert f"diverged in epoch {forecaster.n_iter_ + 1}:" in message
    for advice in ("learning_rate", "clip_norm=1.0", "normalize='standard'"):
        assert advice in message
    assert all(np.isfinite(values).all() for values in forecaster.params_.values())
    assert np.isfinite(forecaster.predict()).all()
    assert np.isfinite(forecaster.loss_curve_).all()


@pytest.mark.parametrize("max_epochs", [1, 5])
def test_infinite_weights_are_not_kept(max_epochs):
    """After a step too large for a number: the last step of all, or one with others to follow."""
    y = np.where(np.arange(60) % 7 == 3, 1e6 * wave(), wave())  # windows with large outliers
    options = {"optimizer": "sgd", "clip_norm": None, "normalize": "robust", "batch_size": 64}
    forecaster = small(learning_rate=1e38, max_epochs=max_epochs, **options)
    with pytest.raises(FloatingPointError, match="diverged in epoch 1"):
        forecaster.fit(y)
    assert all(np.isfinite(values).all() for values in forecaster.params_.values())
    assert np.isfinite(forecaster.predict()).all()


def test_what_was_fitted_before_is_not_lost_for_nothing():
    forecaster = small().fit(daily())
    before = forecaster.predict()
    with pytest.raises(FloatingPointError, match="diverged in epoch 1"):
        forecaster.set_params(learning_rate=1e30, clip_norm=None, max_epochs=3).fit(daily())
    pd.testing.assert_series_equal(forecaster.predict(), before)


def test_a_learning_rate_too_large_for_the_precision():
    forecaster = small(learning_rate=1e39, batch_size=64)
    with pytest.raises((ValueError, FloatingPointError), match="learning_rate"):
        forecaster.fit(daily())
    if hasattr(forecaster, "params_"):
        assert np.isfinite(forecaster.predict()).all()


def test_divergence_with_early_stopping_leaves_the_best_weights():
    options = DIVERGING | {"early_stopping": True, "lr_schedule": "constant"}
    forecaster = small(max_epochs=9, windows_per_epoch=32, **options)
    with pytest.raises(FloatingPointError, match="epoch"):
        forecaster.fit(daily())
    best = int(np.argmin(forecaster.validation_scores_))
    shorter = small(max_epochs=best + 1, windows_per_epoch=32, **options).fit(daily())
    assert_same_weights(forecaster, shorter)


def test_a_refit_that_diverges_says_so(monkeypatch, engine_class):
    epochs, train = iter(range(1)), engine_class.train

    def diverge_later(self, *arguments):
        losses, norms = train(self, *arguments)
        return losses if next(epochs, None) is not None else losses * np.nan, norms

    monkeypatch.setattr(engine_class, "train", diverge_later)
    with pytest.raises(FloatingPointError, match="diverged in epoch 1"):
        small(early_stopping=True, refit=True).fit(daily())


def test_advice_fits_what_was_tried():
    forecaster = small(**DIVERGING | {"clip_norm": 1e20, "max_epochs": 9})
    with pytest.raises(
        FloatingPointError, match=r"learning_rate \(it was 1e\+06\), a smaller clip"
    ):
        forecaster.fit(daily())


def test_after_a_divergence_a_smaller_rate_goes_on():
    """What the optimizer remembers of the epoch that diverged is forgotten with its weights."""
    options = {"optimizer": "momentum", "learning_rate": 1e-3, "clip_norm": None}
    forecaster = small(**options).fit(daily())
    assert forecaster._memory.values.any()
    assert forecaster._memory.steps == 2  # one epoch
    with pytest.raises(FloatingPointError, match="learning_rate"):
        forecaster.set_params(learning_rate=1e30).partial_fit(daily())
    assert not forecaster._memory.values.any()
    assert forecaster._memory.steps == 0
    forecaster.set_params(learning_rate=1e-3).partial_fit(daily())

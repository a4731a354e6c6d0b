"""What the parameters of the multi-layer perceptrons mean: the parts of their two docstrings."""

PARAMETERS = """
    hidden_layer_sizes : tuple of int, default (100,)
        Widths of the hidden layers; () is the linear model.
    activation : {"relu", "identity", "logistic", "tanh"} or sequence of these, default "relu"
        Of the hidden layers; beyond scikit-learn, a sequence has one for each. The initial weights and biases are
        uniform within sqrt(c / (n_in + n_out)), where c is 2 for a logistic layer and 6 for the others; the output
        layer has the c of the last hidden one.
    solver : {"adam", "sgd", "lbfgs"}, default "adam"
        "adam" is ``Adam(learning_rate_init, beta_1, beta_2, epsilon, epsilon_hat=True)``; "sgd" is
        ``Momentum(learning_rate_init, momentum, velocity="step", nesterov=nesterovs_momentum)``; "lbfgs" is
        SciPy's L-BFGS-B on the full batch, with the compiled loss and gradient.
    alpha : float or sequence of float, default 1e-4
        Strength of the penalty on the weights, divided by B, the rows of each batch. Beyond scikit-learn: a
        sequence has one for each layer of weights, ``len(hidden_layer_sizes) + 1`` of them.
    batch_size : int or "auto", default "auto"
        Rows for a step; "auto" is min(200, n).
    learning_rate : {"constant", "invscaling", "adaptive"}, default "constant"
        For "sgd": constant; ``learning_rate_init / (t + 1)**power_t`` with t the samples seen, refreshed after
        each epoch; or divided by 5 whenever patience runs out, down to 1e-6.
    learning_rate_init : float, default 0.001
        The learning rate.
    power_t : float, default 0.5
        The exponent of "invscaling".
    max_iter : int, default 200
        Limit of epochs (L-BFGS: iterations).
    shuffle : bool, default True
        New order of the rows in each epoch.
    random_state : int, RandomState or None, default None
        Draws the initial weights, the held-out rows and the shuffles, as scikit-learn does: the same number gives
        the same training.
    tol : float, default 1e-4
        An epoch improves when it is better than the best so far by more than this.
    verbose : bool or int, default False
        Print what scikit-learn prints: each epoch's loss, its validation score, and what ends or slows the descent.
    warm_start : bool, default False
        Start from the weights of the last fit, with a fresh optimizer; patience and the best loss or score go on.
    momentum, nesterovs_momentum : default 0.9, True
        Of "sgd".
    early_stopping : bool, default False
        Hold out a part of the data and stop on its score; the best weights are restored.
    validation_fraction : float, default 0.1
        The part that is held out; above 0 for that.
    beta_1, beta_2, epsilon : default 0.9, 0.999, 1e-8
        Of "adam".
    n_iter_no_change : int or inf, default 10
        The descent ends when more epochs in a row than this have not improved.
    max_fun : int, default 15000
        Limit of function calls of "lbfgs".
    optimizer : Optimizer, optional
        Beyond scikit-learn: any of steepest's; wins over ``solver``.
    schedule : Schedule or dict of them, optional
        Beyond scikit-learn: factor of the learning rate; in a dict, that of each hyper-parameter by its name
        (:mod:`steepest.schedules`).
    stop : sequence of StopRule, default ()
        Beyond scikit-learn: more stop rules; a ``NoImprovement`` replaces ``tol`` and ``n_iter_no_change``.
    callbacks : sequence, default ()
        Beyond scikit-learn: callables, each called after every epoch (L-BFGS: iteration) with a dict ("epoch",
        "loss", "validation_loss", "validation_score", ...); and objects that follow scikit-learn's callback
        protocol, as for :meth:`set_callbacks`, to which each epoch is a task. Returning True stops the descent.
    n_threads : int, optional
        How many threads a fit may use; by default as many as :func:`steepest.get_num_threads` says. The result
        does not depend on it.
    dropout : float or sequence of float, default 0.0
        Beyond scikit-learn: the probability, in [0, 1), with which a hidden unit is 0 in a step of training, for
        all hidden layers or one for each (Srivastava et al., 2014); those that stay are multiplied by 1 / (1 - p),
        so that nothing needs a factor when predicting. p is rounded to 65536ths. The loss of a step, and so
        ``loss_curve_``, is that of the thinned network, the one that is differentiated; validation and predictions
        use all units. The masks are a function of ``random_state``, the step, the row's place in the batch and the
        unit, and go on in ``partial_fit`` and with ``warm_start``. Not for "lbfgs".
    l1_ratio : float in [0, 1] or sequence of them, default 0
        Beyond scikit-learn: the part of the penalty that is L1, of all layers or of each. It is met by proximal
        steps, for every optimizer, and the weights that it holds are exactly 0. Not for "lbfgs".
"""

STRUCTURE_PARAMETERS = r"""    freeze : sequence, default ()
        Beyond scikit-learn: what training leaves as it is. An entry is the number of a layer of weights, from 0 or
        negative from the end; a pair such as (0, "biases") or (-1, "weights"); or one of these words, for all
        layers. What is frozen gets no step, no decay and no moments, and below the lowest layer that is not
        frozen no gradient is computed; ``pruning`` passes over frozen weights. The penalty in the loss that is
        reported is that of all weights, of which the frozen part is a constant; gradient norms are those of what is
        trained. To fine-tune, fit, then ``set_params(freeze=[0], warm_start=True)`` and fit again.
    pruning : steepest.pruning.Gradual, optional
        Beyond scikit-learn: makes the network sparse while it is trained, within the compiled descent. Not for
        "lbfgs". ``best_loss_`` and ``best_validation_score_`` are of all epochs, those with fewer pruned weights
        too. See also :meth:`prune`.
    group_lasso : float or sequence of float, default 0.0
        Beyond scikit-learn: the strength :math:`\lambda` of a penalty on the weights into each neuron,
        :math:`\lambda \sum_j \lVert W_{\cdot j} \rVert_2`, which the loss includes; it is neither divided by the
        rows of a batch nor scaled by the size of the groups, and biases are in no group. A number is for all
        hidden neurons, a sequence has one for each layer of weights. It is met by a proximal step in the
        optimizer's metric (Yun, Lozano and Yang, 2021) after that of an L1 penalty, and the weights of neurons that
        it holds are exactly 0, so that :meth:`compact` removes them. Not for "lbfgs", ``Lion``, ``Rprop``,
        ``PolyakStep``, ``Prodigy`` and clipped gradients.
    max_norm : float or sequence of float, optional
        Beyond scikit-learn: after each step the weights into each neuron, without its bias, are scaled down to this
        2-norm if theirs is larger (Srivastava et al., 2014; Keras's ``MaxNorm`` without its epsilon). A number is
        for all hidden neurons, a sequence has one for each layer of weights, None for one without. Not for "lbfgs".
"""

SCORING_PARAMETER = """    scoring : str or callable, optional
        Beyond scikit-learn: a scorer, by name or as scorer(estimator, X, y) -> float, evaluated after every epoch
        on ``validation_data`` or on what ``early_stopping`` holds out: the validation score, in place of {default}.
        ``early_stopping`` and the rule ``NoImprovement(monitor="validation_score")`` stop on it; whatever ends the
        descent, the best weights by it come back.
"""

CLASS_WEIGHT_PARAMETER = """    class_weight : dict, list of dict or "balanced", optional
        Beyond scikit-learn: weights of the classes, by label (1 for those that are not named), which multiply
        those of the rows. "balanced" gives each class the same sum of weights. For several labels a list of dicts
        by 0 and 1, one a label, whose weights are multiplied. What ``early_stopping`` holds out counts by them,
        too, except for ``scoring``; ``validation_data`` don't.
"""

REGRESSOR_LOSS = """
    loss : str or RegressionLoss, default "squared_error"
        What is minimised: "squared_error", "poisson" (counts by their logarithm), and beyond scikit-learn
        "absolute_error", "huber", "quantile", "epsilon_insensitive", "squared_epsilon_insensitive", or an object of
        :mod:`steepest.losses` with parameters of its own."""

CLASSIFIER_LOSS = """
    loss : str or ClassificationLoss, default "log_loss"
        What is minimised. Beyond scikit-learn: "hinge", "squared_hinge", "modified_huber", "perceptron", or an
        object of :mod:`steepest.losses`; given by name only."""

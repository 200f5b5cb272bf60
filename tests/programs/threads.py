"""Compiled functions in threads: one each, one for all, and settings changed from elsewhere."""

from __future__ import annotations

import concurrent.futures
import queue
import threading

import steep
from programs.data import inputs, labelled, mlp, regression
from programs.runner import program

F = steep.nn.functional


def regressor():
    """A model and the step that trains it."""
    model = mlp()
    optimizer = steep.optim.SGD(model.parameters(), lr=0.1)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return model, step


@program(replays=True)
def a_step_for_each_thread(run):
    """As in a search over seeds: every worker trains a model of its own."""
    pairs = [regressor() for _ in range(3)]
    steps = [run.compile(step) for _, step in pairs]
    losses = [[] for _ in pairs]

    def work(k):
        for i in range(10):
            losses[k].append(steps[k](*regression(10 * k + i)).item())

    threads = [threading.Thread(target=work, args=(k,)) for k in range(len(pairs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.saw(losses, *(model for model, _ in pairs))


@program(replays=True)
def steps_made_in_their_threads(run):
    """Each thread makes its model and compiles its step; seeds are set one after the other."""
    lock, results = threading.Lock(), {}

    def work(seed):
        with lock:
            steep.manual_seed(seed)
            model, step = regressor()
        step = run.compile(step)
        losses = [step(*regression(i)).item() for i in range(9)]
        results[seed] = (losses, model)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(work, range(3)))
    run.saw(*(part for seed in range(3) for part in results[seed]))
    steep.manual_seed(0)  # which thread was the last to set the seed is chance


@program(replays=True)
def one_model_served_by_a_pool(run):
    model = mlp(outputs=3)
    predict = run.compile(steep.no_grad()(lambda x: F.softmax(model(x), -1)))
    for i in range(5):
        predict(inputs(i))
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        run.saw(list(pool.map(predict, [inputs(i) for i in range(16)])))
    run.saw(predict(inputs(0)), predict(inputs(1)))


@program(replays=True)
def batches_from_a_producer(run):
    """A thread prepares batches and puts them in a queue."""
    batches = queue.Queue(maxsize=2)

    def produce():
        for i in range(11):
            batches.put(regression(i))
        batches.put(None)

    model, step = regressor()
    step = run.compile(step)
    thread = threading.Thread(target=produce)
    thread.start()
    while (batch := batches.get()) is not None:
        run.saw(step(*batch))
    thread.join()
    run.saw(model)


@program(replays=True)
def recorded_here_and_replayed_there(run):
    model, step = regressor()
    step = run.compile(step)
    for i in range(5):
        run.saw(step(*regression(i)))
    losses = []
    thread = threading.Thread(
        target=lambda: losses.extend(step(*regression(i)).item() for i in range(5, 10))
    )
    thread.start()
    thread.join()
    run.saw(losses, model)


@program(replays=True)
def a_setting_changed_by_another_thread(run):
    """A callback of an interface lowers a weight between two calls."""
    config = {"smoothing": 0.0}
    model = mlp(outputs=3)

    @run.compile
    def loss(x, y):
        return F.cross_entropy(model(x), y, label_smoothing=config["smoothing"]).detach()

    def change():
        config["smoothing"] = 0.2

    for i in range(13):
        if i == 6:
            thread = threading.Thread(target=change)
            thread.start()
            thread.join()
        run.saw(loss(*labelled(i)))


@program(replays=True)
def evaluation_beside_training(run):
    """A copy is evaluated in a thread, on another compiled function, while the model is trained."""
    model, step = regressor()
    frozen = mlp()
    step = run.compile(step)
    evaluate = run.compile(steep.no_grad()(lambda x, y: F.mse_loss(frozen(x), y)))
    scores = []

    def work():
        scores.extend(evaluate(*regression(100 + i)).item() for i in range(8))

    for _ in range(2):
        frozen.load_state_dict(model.state_dict())
        thread = threading.Thread(target=work)
        thread.start()
        for i in range(8):
            run.saw(step(*regression(i)))
        thread.join()
    run.saw(scores, model)


@program(replays=True)
def gradient_mode_of_each_thread(run):
    """A thread without gradients calls the function that another calls with them."""
    weight = steep.ones(4, requires_grad=True)

    @run.compile
    def score(x):
        out = (x * weight).sum()
        if steep.is_grad_enabled():
            weight.grad = None
            out.backward()
        return out.detach()

    results = []

    def work():
        with steep.no_grad():
            results.extend(score(inputs(i)).item() for i in range(6))

    for i in range(6):
        run.saw(score(inputs(i)), weight.grad)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    run.saw(results)
    for i in range(6):
        run.saw(score(inputs(i)), weight.grad)


@program(replays=None)
def a_thread_local_setting(run):
    """What a thread-local object holds depends on who calls."""
    local = threading.local()
    local.gain = 1.0

    @run.compile
    def scaled(x):
        return x * local.gain

    results = []

    def work():
        local.gain = 5.0
        results.extend(scaled(inputs(i)) for i in range(6))

    for i in range(6):
        run.saw(scaled(inputs(i)))
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    run.saw(results)
    for i in range(6):
        run.saw(scaled(inputs(i)))


@program(replays=None)
def a_lock_inside(run):
    """The step guards itself by a lock."""
    lock = threading.Lock()
    model, inner = regressor()

    @run.compile
    def step(x, y):
        with lock:
            return inner(x, y)

    for i in range(11):
        run.saw(step(*regression(i)))
    run.saw(model, lock.locked())

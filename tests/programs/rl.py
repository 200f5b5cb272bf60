"""Reinforcement learning: value networks with targets, policy gradients, actors and critics."""

from __future__ import annotations

import collections
import copy
import random

import numpy as np

import steep
from programs.data import inputs, mlp, nn
from programs.runner import program

F = steep.nn.functional

Transition = collections.namedtuple("Transition", "state action reward next_state done")


def transitions(i, rows=8):
    """A batch of what an environment with four observations and three actions gave."""
    rng = np.random.default_rng(i)
    return Transition(
        inputs(i, rows),
        steep.from_numpy(rng.integers(0, 3, (rows, 1))),
        steep.from_numpy(rng.normal(size=rows).astype(np.float32)),
        inputs(500 + i, rows),
        steep.from_numpy((rng.random(rows) < 0.2).astype(np.float32)),
    )


class CartLike:
    """A small deterministic environment."""

    def __init__(self):
        self.rng = np.random.default_rng(0)
        self.state = self.rng.normal(size=4).astype(np.float32)

    def step(self, action):
        self.state = np.float32(0.9) * np.roll(self.state, int(action)) + np.float32(0.1)
        return self.state.copy(), float(self.state[0])


@program(replays=True)
def dqn_with_a_target_network(run):
    online = mlp(4, 3)
    target = copy.deepcopy(online)
    optimizer = steep.optim.Adam(online.parameters(), lr=0.01)
    gamma = 0.9

    @run.compile
    def learn(batch):
        with steep.no_grad():
            best = target(batch.next_state).max(1).values
            wanted = batch.reward + gamma * best * (1 - batch.done)
        got = online(batch.state).gather(1, batch.action).squeeze(1)
        loss = F.smooth_l1_loss(got, wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    for i in range(14):
        run.saw(learn(transitions(i)))
        if i % 4 == 3:
            target.load_state_dict(online.state_dict())
    run.saw(online, target)


@program(replays=True)
def dqn_with_a_new_target_network(run):
    """The target is a deepcopy made anew, bound to an attribute."""

    class Agent:
        def __init__(self):
            self.online = mlp(4, 3)
            self.sync()
            self.optimizer = steep.optim.SGD(self.online.parameters(), lr=0.05)

        def sync(self):
            self.target = copy.deepcopy(self.online).eval()

        def learn(self, batch):
            with steep.no_grad():
                wanted = batch.reward + 0.9 * self.target(batch.next_state).amax(1)
            loss = F.mse_loss(self.online(batch.state).gather(1, batch.action)[:, 0], wanted)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            return loss

    agent = Agent()
    learn = run.compile(agent.learn)
    for i in range(15):
        if i in (5, 9):
            agent.sync()
        run.saw(learn(transitions(i)))
    run.saw(agent.online, agent.target)


@program(replays=True)
def double_dqn_with_polyak_averaging(run):
    online, target = mlp(4, 3), mlp(4, 3)
    target.load_state_dict(online.state_dict())
    optimizer = steep.optim.Adam(online.parameters(), lr=0.01)

    @run.compile
    def learn(s, a, r, s2, done):
        with steep.no_grad():
            choice = online(s2).argmax(1, keepdim=True)
            wanted = r + 0.99 * (1 - done) * target(s2).gather(1, choice).squeeze(1)
        loss = F.huber_loss(online(s).gather(1, a).squeeze(1), wanted)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(online.parameters(), 10.0)
        optimizer.step()
        with steep.no_grad():
            for p, q in zip(online.parameters(), target.parameters(), strict=True):
                q.mul_(0.95).add_(p, alpha=0.05)
        return loss

    for i in range(12):
        run.saw(learn(*transitions(i)))
    run.saw(online, target)


@program(replays=False, says="random")
def epsilon_greedy_inside(run):
    """The agent flips its own coin in the compiled method."""
    net = mlp(4, 3)

    @run.compile
    @steep.no_grad()
    def act(state):
        if random.random() < 0.3:
            return steep.randint(0, 3, (1,))
        return net(state).argmax(1)

    for i in range(14):
        run.saw(act(inputs(i, rows=1)))


@program(replays=True)
def epsilon_greedy_outside(run):
    net, env = mlp(4, 3), CartLike()
    values = run.compile(steep.no_grad()(lambda state: net(state)))
    rewards = []
    for _ in range(14):
        q = values(steep.from_numpy(env.state[None].copy()))
        action = random.randrange(3) if random.random() < 0.3 else q.argmax(1).item()
        _, reward = env.step(action)
        rewards.append(reward)
        run.saw(q)
    run.saw(rewards)


@program(replays=True)
def reinforce(run):
    """Episodes of one length; the returns are computed outside."""
    policy = mlp(4, 3)
    optimizer = steep.optim.Adam(policy.parameters(), lr=0.02)

    @run.compile
    def update(states, actions, returns):
        log_p = F.log_softmax(policy(states), -1).gather(1, actions).squeeze(1)
        advantage = (returns - returns.mean()) / (returns.std() + 1e-6)
        loss = -(log_p * advantage).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    for i in range(12):
        batch = transitions(i)
        returns, total = [], 0.0
        for reward in reversed(batch.reward.tolist()):
            total = reward + 0.9 * total
            returns.insert(0, total)
        run.saw(update(batch.state, batch.action, steep.tensor(returns)))
    run.saw(policy)


@program(replays=True)
def reinforce_with_a_moving_baseline(run):
    """The baseline is a number in the agent, moved outside at every episode; passed as a tensor."""

    class Agent:
        def __init__(self):
            self.policy, self.baseline = mlp(4, 3), 0.0
            self.optimizer = steep.optim.SGD(self.policy.parameters(), lr=0.05)
            self.update = run.compile(self.update)

        def update(self, states, actions, advantages):
            log_p = F.log_softmax(self.policy(states), -1).gather(1, actions)[:, 0]
            loss = -(log_p * advantages).mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            return loss

        def episode(self, batch):
            loss = self.update(batch.state, batch.action, batch.reward - self.baseline)
            self.baseline = 0.9 * self.baseline + 0.1 * batch.reward.mean().item()
            return loss

    agent = Agent()
    for i in range(12):
        run.saw(agent.episode(transitions(i)))
    run.saw(agent.baseline, agent.policy)


@program(replays=None)
def reinforce_with_a_baseline_read_inside(run):
    """The same, but the method reads the number: another one at every call."""

    class Agent:
        def __init__(self):
            self.policy, self.baseline = mlp(4, 3), 0.0
            self.optimizer = steep.optim.SGD(self.policy.parameters(), lr=0.05)

        def update(self, states, actions, rewards):
            log_p = F.log_softmax(self.policy(states), -1).gather(1, actions)[:, 0]
            loss = -(log_p * (rewards - self.baseline)).mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            return loss

    agent = Agent()
    update = run.compile(agent.update)
    for i in range(12):
        batch = transitions(i)
        run.saw(update(batch.state, batch.action, batch.reward))
        agent.baseline = 0.9 * agent.baseline + 0.1 * batch.reward.mean().item()
    run.saw(agent.policy)


@program(replays=True)
def actor_and_critic(run):
    class ActorCritic(nn.Module):
        def __init__(self):
            super().__init__()
            self.trunk = nn.Linear(4, 6)
            self.policy, self.value = nn.Linear(6, 3), nn.Linear(6, 1)

        def forward(self, x):
            h = self.trunk(x).tanh()
            return self.policy(h), self.value(h).squeeze(-1)

    net = ActorCritic()
    optimizer = steep.optim.Adam(net.parameters(), lr=0.01)
    weights = {"value": 0.5, "entropy": 0.01}

    @run.compile
    def update(batch):
        logits, value = net(batch.state)
        with steep.no_grad():
            wanted = batch.reward + 0.9 * net(batch.next_state)[1] * (1 - batch.done)
        log_p = F.log_softmax(logits, -1)
        advantage = (wanted - value).detach()
        actor = -(log_p.gather(1, batch.action)[:, 0] * advantage).mean()
        critic = F.mse_loss(value, wanted)
        entropy = -(log_p.exp() * log_p).sum(1).mean()
        loss = actor + weights["value"] * critic - weights["entropy"] * entropy
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return {"actor": actor, "critic": critic, "entropy": entropy}

    for i in range(14):
        if i == 7:
            weights["entropy"] = 0.1
        run.saw(update(transitions(i)))
    run.saw(net)


@program(replays=True)
def ppo_with_minibatches(run):
    policy, value = mlp(4, 3), mlp(4, 1)
    optimizer = steep.optim.Adam([*policy.parameters(), *value.parameters()], lr=0.01)
    clip = 0.2

    @run.compile
    def update(states, actions, old, advantages, returns):
        log_p = F.log_softmax(policy(states), -1).gather(1, actions)[:, 0]
        ratio = (log_p - old).exp()
        clipped = ratio.clamp(1 - clip, 1 + clip)
        actor = -steep.minimum(ratio * advantages, clipped * advantages).mean()
        critic = F.mse_loss(value(states)[:, 0], returns)
        optimizer.zero_grad()
        (actor + 0.5 * critic).backward()
        nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
        optimizer.step()
        return actor, critic

    rng = np.random.default_rng(0)
    for i in range(4):
        batch = transitions(i)
        with steep.no_grad():
            old = F.log_softmax(policy(batch.state), -1).gather(1, batch.action)[:, 0]
        advantages = batch.reward - batch.reward.mean()
        for _ in range(2):
            for rows in np.split(rng.permutation(8), 2):
                rows = steep.from_numpy(rows)
                run.saw(
                    update(
                        batch.state[rows],
                        batch.action[rows],
                        old[rows],
                        advantages[rows],
                        batch.reward[rows],
                    )
                )
    run.saw(policy, value)


@program(replays=True)
def a_continuous_policy(run):
    """Gaussian actions with a learnt deviation, sampled in the function."""
    mean, log_std = mlp(4, 2), nn.Parameter(steep.zeros(2))
    optimizer = steep.optim.Adam([*mean.parameters(), log_std], lr=0.02)

    @run.compile
    def update(states):
        mu = mean(states)
        action = (mu + log_std.exp() * steep.randn_like(mu)).detach()
        reward = -(action - states[:, :2]).square().sum(1)
        log_p = (-0.5 * ((action - mu) / log_std.exp()) ** 2 - log_std).sum(1)
        loss = -(log_p * (reward - reward.mean())).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return reward.mean()

    for i in range(12):
        run.saw(update(inputs(i)))
    run.saw(mean, log_std)


@program(replays=True)
def ddpg(run):
    actor, critic = mlp(4, 2), mlp(6, 1)
    slow_actor, slow_critic = copy.deepcopy(actor), copy.deepcopy(critic)
    actor_optimizer = steep.optim.Adam(actor.parameters(), lr=1e-2)
    critic_optimizer = steep.optim.Adam(critic.parameters(), lr=1e-2)

    @run.compile
    def update(s, a, r, s2):
        with steep.no_grad():
            wanted = r + 0.9 * slow_critic(steep.cat([s2, slow_actor(s2)], 1))[:, 0]
        critic_loss = F.mse_loss(critic(steep.cat([s, a], 1))[:, 0], wanted)
        critic_optimizer.zero_grad()
        critic_loss.backward()
        critic_optimizer.step()
        actor_loss = -critic(steep.cat([s, actor(s)], 1)).mean()
        actor_optimizer.zero_grad()
        actor_loss.backward()
        actor_optimizer.step()
        with steep.no_grad():
            for fast, slow in ((actor, slow_actor), (critic, slow_critic)):
                for p, q in zip(fast.parameters(), slow.parameters(), strict=True):
                    q.copy_(0.9 * q + 0.1 * p)
        return critic_loss, actor_loss

    for i in range(12):
        batch = transitions(i)
        run.saw(update(batch.state, inputs(900 + i, 8, 2), batch.reward, batch.next_state))
    run.saw(actor, critic, slow_actor, slow_critic)


@program(replays=False, says="buffer|sample")
def a_replay_buffer_sampled_inside(run):
    """The method stores what it is given, and samples from its buffer by itself."""

    class Agent:
        def __init__(self):
            self.net, self.buffer = mlp(4, 1), collections.deque(maxlen=5)
            self.optimizer = steep.optim.SGD(self.net.parameters(), lr=0.05)

        def observe(self, state, reward):
            self.buffer.append((state, reward))
            states, rewards = zip(*random.sample(list(self.buffer), 1), strict=True)
            loss = F.mse_loss(self.net(steep.cat(states)), steep.cat(rewards))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            return loss

    agent = Agent()
    observe = run.compile(agent.observe)
    for i in range(12):
        run.saw(observe(inputs(i, rows=2), inputs(100 + i, rows=2, columns=1)))
    run.saw(agent.net, len(agent.buffer))

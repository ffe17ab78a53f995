"""The built-in models in JAX, many at once by `vmap` in a `jit` over a `scan`, to be measured beside.

Weights are those of the torch module, by their names there; losses, optimizers and clipping are the proxy's.
Left out, in JAX's favour: augmentation, running statistics of BatchNorm, dropout.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from search.proxies.proxy import SGD, Proxy

Weights = Mapping[str, Any]
Forward = Callable[[Weights, Any], Any]


def linear(w: Weights, name: str, x: Any) -> Any:
    out = x @ w[f"{name}.weight"].T
    bias = f"{name}.bias"
    return out + w[bias] if bias in w else out


def char_lm_mlp(w: Weights, tokens: Any) -> Any:
    hidden = w["0.weight"][tokens].reshape(tokens.shape[0], -1)
    return linear(w, "4", jax.nn.relu(linear(w, "2", hidden)))


def mnist1d_cnn(w: Weights, x: Any) -> Any:
    x = x[:, None, :]
    for name, pad in (("1", 2), ("3", 1), ("5", 1)):
        out = lax.conv_general_dilated(x, w[f"{name}.weight"], (2,), [(pad, pad)])
        x = jax.nn.relu(out + w[f"{name}.bias"][:, None])
    return linear(w, "8", x.reshape(x.shape[0], -1))


def fashion_resnet(w: Weights, x: Any) -> Any:
    x = jax.nn.relu(_normed(w, "stem.1", _convolved(w, "stem.0", x, 1)))
    number = 0
    while f"stages.{number}.convolved1.weight" in w:
        at = f"stages.{number}"
        stride = 2 if number and f"{at}.short_cut.0.weight" in w else 1
        inner = jax.nn.relu(_normed(w, f"{at}.norm1", _convolved(w, f"{at}.convolved1", x, stride)))
        inner = _normed(w, f"{at}.norm2", _convolved(w, f"{at}.convolved2", inner, 1))
        if f"{at}.short_cut.0.weight" in w:
            x = _normed(w, f"{at}.short_cut.1", _convolved(w, f"{at}.short_cut.0", x, stride))
        x, number = jax.nn.relu(inner + x), number + 1
    return linear(w, "head", x.mean((2, 3)))


def _convolved(w: Weights, name: str, x: Any, stride: int) -> Any:
    kernel = w[f"{name}.weight"]
    pad = kernel.shape[-1] // 2
    return lax.conv_general_dilated(x, kernel, (stride, stride), [(pad, pad)] * 2)


def _normed(w: Weights, name: str, x: Any) -> Any:
    """BatchNorm while it trains."""
    mean, var = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
    scale, shift = (w[f"{name}.{part}"][:, None, None] for part in ("weight", "bias"))
    return (x - mean) * lax.rsqrt(var + 1e-5) * scale + shift


def decoder(w: Weights, tokens: Any, *, heads: int) -> Any:
    hidden = w["token.weight"][tokens] + w["place.weight"][: tokens.shape[1]]
    number = 0
    while f"blocks.{number}.mixed.weight" in w:
        at, number = f"blocks.{number}", number + 1
        hidden += _attended(w, at, _layer_normed(w, f"{at}.norm1", hidden), heads)
        wide = jax.nn.gelu(
            linear(w, f"{at}.wide", _layer_normed(w, f"{at}.norm2", hidden)), approximate=False
        )
        hidden += linear(w, f"{at}.narrow", wide)
    return linear(w, "head", _layer_normed(w, "norm", hidden))


def _attended(w: Weights, at: str, hidden: Any, heads: int) -> Any:
    n, places, width = hidden.shape
    parts = linear(w, f"{at}.query_key_value", hidden).reshape(n, places, 3, heads, width // heads)
    query, key, value = (parts[:, :, i] for i in range(3))
    mixed = jax.nn.dot_product_attention(query, key, value, is_causal=True)
    return linear(w, f"{at}.mixed", mixed.reshape(n, places, width))


def _layer_normed(w: Weights, name: str, x: Any) -> Any:
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(var + 1e-5) * w[f"{name}.weight"] + w[f"{name}.bias"]


FORWARD: Mapping[str, Forward] = {
    "char_lm_mlp": char_lm_mlp,
    "mnist1d_cnn": mnist1d_cnn,
    "fashion_resnet": fashion_resnet,
    "char_gpt": partial(decoder, heads=4),
    "code_gpt": partial(decoder, heads=4),
}
"""By the proxy's name, with its default arguments."""


def weights_of(proxy: Proxy, seeds: list[int]) -> dict[str, Any]:
    """The untrained weights of some seeds, each `K x ...`."""
    models = [dict(proxy.build_model(seed).named_parameters()) for seed in seeds]
    return {name: jnp.asarray(np.stack([m[name].detach().numpy() for m in models])) for name in models[0]}


def make_train(proxy: Proxy) -> Callable[[Any, Any, Any, Any, Any], tuple[Any, Any]]:
    """`train(state, inputs, targets, samples, lrs)`: `T` steps of `K` models in one call.

    `state` is `start(weights)`; `samples` are `T x K x B`, `lrs` `T x K`; it gives the next state and the
    losses, `T x K`.
    """
    loss = partial(_loss, FORWARD[proxy.name], proxy.label_smoothing)

    def one(state: Any, inputs: Any, targets: Any, lr: Any) -> tuple[Any, Any]:
        value, gradient = jax.value_and_grad(loss)(state[0], inputs, targets)
        return _updated(proxy, state, _clipped(proxy, gradient), lr), value

    def step(data: tuple[Any, Any], state: Any, batch: tuple[Any, Any]) -> tuple[Any, Any]:
        samples, lrs = batch
        return jax.vmap(one)(state, data[0][samples], data[1][samples], lrs)

    @partial(jax.jit, donate_argnums=0)
    def train(state: Any, inputs: Any, targets: Any, samples: Any, lrs: Any) -> tuple[Any, Any]:
        return lax.scan(partial(step, (inputs, targets)), state, (samples, lrs))

    return train


def start(weights: Any) -> Any:
    """Weights, both moments and the number of steps."""
    zeros = jax.tree.map(jnp.zeros_like, weights)
    n_models = next(iter(weights.values())).shape[0]
    return weights, zeros, jax.tree.map(jnp.zeros_like, weights), jnp.zeros(n_models)


def _loss(forward: Forward, smoothing: float, weights: Weights, inputs: Any, targets: Any) -> Any:
    log_p = jax.nn.log_softmax(forward(weights, inputs))
    told = jnp.take_along_axis(log_p, targets[..., None], -1)[..., 0]
    return -((1 - smoothing) * told + smoothing * log_p.mean(-1)).mean()


def _clipped(proxy: Proxy, gradient: Any) -> Any:
    longest = proxy.optimizer.clip_norm
    if longest is None:
        return gradient
    norm = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(gradient)))
    return jax.tree.map(lambda g: g * jnp.minimum(1.0, longest / (norm + 1e-6)), gradient)


def _updated(proxy: Proxy, state: Any, gradient: Any, lr: Any) -> Any:
    weights, first, second, n_steps = state
    settings, n_steps = proxy.optimizer, n_steps + 1
    if isinstance(settings, SGD):
        gradient = jax.tree.map(lambda g, w: g + settings.weight_decay * w, gradient, weights)
        first = jax.tree.map(lambda m, g: settings.momentum * m + g, first, gradient)
        way = first
        if settings.nesterov:
            way = jax.tree.map(lambda g, m: g + settings.momentum * m, gradient, first)
        return jax.tree.map(lambda w, d: w - lr * d, weights, way), first, second, n_steps
    b1, b2 = settings.beta1, settings.beta2
    first = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, first, gradient)
    second = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g**2, second, gradient)
    c1, c2 = 1 - b1**n_steps, 1 - b2**n_steps

    def moved(w: Any, m: Any, v: Any) -> Any:
        decayed = w * (1 - lr * settings.weight_decay)
        return decayed - lr * (m / c1) / (jnp.sqrt(v / c2) + settings.eps)

    return jax.tree.map(moved, weights, first, second), first, second, n_steps

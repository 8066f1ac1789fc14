"""Writes tests/models/llama/golden/: small Llama-style decoders with random weights, and the logits of some token ids.

The logits are computed here in float64, with NumPy only and one position and head at a time, so that nothing is shared
with the model that they are compared with. The same numbers come out of every run: RandomState's are frozen.

    python3 tools/llama_golden.py
"""

import json
import pathlib
import struct

import numpy as np

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "tests" / "models" / "llama" / "golden"

CASES = {
    # Three heads of queries share one of keys and values; the output head has weights of its own.
    "grouped": {
        "seed": 1,
        "batch": 1,
        "positions": 12,
        "config": {
            "model_type": "llama",
            "vocab_size": 31,
            "hidden_size": 24,
            "intermediate_size": 40,
            "num_hidden_layers": 2,
            "num_attention_heads": 6,
            "num_key_value_heads": 2,
            "max_position_embeddings": 16,
            "rms_norm_eps": 1e-5,
            "rope_theta": 10000.0,
            "tie_word_embeddings": False,
        },
    },
    # The output head is the embedding; heads are wider together than the residual stream; two texts.
    "tied": {
        "seed": 2,
        "batch": 2,
        "positions": 12,
        "config": {
            "model_type": "llama",
            "vocab_size": 29,
            "hidden_size": 20,
            "intermediate_size": 28,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 4,
            "head_dim": 6,
            "max_position_embeddings": 16,
            "rms_norm_eps": 1e-2,
            "rope_theta": 50.0,
            "tie_word_embeddings": True,
        },
    },
}


def random_weights(config, rng):
    """Weights by name in float32: norms around 1, the rest scaled to keep the stream near unit size."""
    hidden, inner, vocab = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    dim = head_dim(config)
    q, kv = config["num_attention_heads"] * dim, config["num_key_value_heads"] * dim
    weights = {}

    def linear(name, outputs, inputs, gain=1.0):
        weights[name + ".weight"] = gain * rng.standard_normal((outputs, inputs)) / np.sqrt(inputs)

    def norm(name):
        weights[name + ".weight"] = 1 + 0.3 * rng.standard_normal(hidden)

    weights["model.embed_tokens.weight"] = 0.5 * rng.standard_normal((vocab, hidden))
    for i in range(config["num_hidden_layers"]):
        layer = f"model.layers.{i}."
        norm(layer + "input_layernorm")
        # Sharp attention: which key is looked at must matter.
        linear(layer + "self_attn.q_proj", q, hidden, 1.5)
        linear(layer + "self_attn.k_proj", kv, hidden, 1.5)
        linear(layer + "self_attn.v_proj", kv, hidden)
        linear(layer + "self_attn.o_proj", hidden, q)
        norm(layer + "post_attention_layernorm")
        linear(layer + "mlp.gate_proj", inner, hidden)
        linear(layer + "mlp.up_proj", inner, hidden)
        linear(layer + "mlp.down_proj", hidden, inner)
    norm("model.norm")
    if not config["tie_word_embeddings"]:
        linear("lm_head", vocab, hidden)
    return {name: w.astype(np.float32) for name, w in weights.items()}


def head_dim(config):
    return config.get("head_dim", config["hidden_size"] // config["num_attention_heads"])


def rms_norm(x, weight, eps):
    return x / np.sqrt(np.mean(x * x) + eps) * weight


def rotate(x, position, theta):
    """Rotary position of one head: element j and element j + half turn together."""
    half = len(x) // 2
    out = np.empty_like(x)
    for j in range(half):
        angle = position / theta ** (2 * j / len(x))
        out[j] = x[j] * np.cos(angle) - x[j + half] * np.sin(angle)
        out[j + half] = x[j + half] * np.cos(angle) + x[j] * np.sin(angle)
    return out


def attend(q, keys, values):
    scores = np.array([q @ k for k in keys]) / np.sqrt(len(q))
    weights = np.exp(scores - scores.max())
    return (weights / weights.sum()) @ np.array(values)


def logits_of(ids, config, weights):
    """Logits of every position of one text."""
    w = {name: value.astype(np.float64) for name, value in weights.items()}
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    dim, eps, theta = head_dim(config), config["rms_norm_eps"], config["rope_theta"]
    layers = config["num_hidden_layers"]
    keys = [[[] for _ in range(kv_heads)] for _ in range(layers)]
    values = [[[] for _ in range(kv_heads)] for _ in range(layers)]
    rows = []
    for position, token in enumerate(ids):
        x = w["model.embed_tokens.weight"][token]
        for i in range(layers):
            at = lambda name: w[f"model.layers.{i}.{name}.weight"]
            y = rms_norm(x, at("input_layernorm"), eps)
            q = (at("self_attn.q_proj") @ y).reshape(heads, dim)
            k = (at("self_attn.k_proj") @ y).reshape(kv_heads, dim)
            v = (at("self_attn.v_proj") @ y).reshape(kv_heads, dim)
            for g in range(kv_heads):
                keys[i][g].append(rotate(k[g], position, theta))
                values[i][g].append(v[g])
            mixed = []
            for h in range(heads):
                g = h // (heads // kv_heads)
                mixed.append(attend(rotate(q[h], position, theta), keys[i][g], values[i][g]))
            x = x + at("self_attn.o_proj") @ np.concatenate(mixed)
            y = rms_norm(x, at("post_attention_layernorm"), eps)
            gate = at("mlp.gate_proj") @ y
            x = x + at("mlp.down_proj") @ (gate / (1 + np.exp(-gate)) * (at("mlp.up_proj") @ y))
        x = rms_norm(x, w["model.norm.weight"], eps)
        rows.append(w.get("lm_head.weight", w["model.embed_tokens.weight"]) @ x)
    return np.array(rows)


def write_safetensors(path, tensors):
    names = {np.dtype(np.float32): "F32", np.dtype(np.int32): "I32"}
    header, data = {}, b""
    for name, tensor in sorted(tensors.items()):
        raw = np.ascontiguousarray(tensor).tobytes()
        header[name] = {
            "dtype": names[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def main():
    for name, case in CASES.items():
        config, rng = case["config"], np.random.RandomState(case["seed"])
        weights = random_weights(config, rng)
        ids = rng.randint(config["vocab_size"], size=(case["batch"], case["positions"])).astype(np.int32)
        logits = np.array([logits_of(row, config, weights) for row in ids]).astype(np.float32)
        folder = GOLDEN / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        write_safetensors(folder / "model.safetensors", weights)
        write_safetensors(folder / "expected.safetensors", {"ids": ids, "logits": logits})
        print(f"{name}: logits from {logits.min():.3f} to {logits.max():.3f}")


if __name__ == "__main__":
    main()

"""Causal language models of a few thousand random weights: as a GGUF file, and as a folder of transformers alike."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

TEMPLATE = (
    "{% for message in messages %}<|start|>{{ message['role'] }}\n{{ message['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
)
MARKS = ["<|start|>", "<|end|>"]
MERGES = ["y e", "ye s", "n o", "a m", "d r", "dr am", "dram a", "s e", "se a"]
WIDTH, INNER, LAYERS, HEADS, KV_HEADS, CONTEXT = 16, 24, 2, 2, 1, 512

Tensors = Mapping[str, NDArray[np.float32]]


def _letters() -> list[str]:
    """Return the 256 bytes as the characters by which GPT-2 writes them."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte if byte in shown else next(others)) for byte in range(256)]


TOKENS = [*MARKS, *_letters(), *(merge.replace(" ", "") for merge in MERGES)]


def random_tensors(seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Return weights by the names of transformers' ``LlamaForCausalLM``."""
    rng = np.random.default_rng(seed)
    head = WIDTH // HEADS

    def drawn(outputs: int, inputs: int) -> NDArray[np.float32]:
        return np.asarray(1.5 * inputs**-0.5 * rng.normal(size=(outputs, inputs)), dtype=np.float32)

    made = {"model.embed_tokens.weight": drawn(len(TOKENS), WIDTH), "lm_head.weight": drawn(len(TOKENS), WIDTH)}
    made["model.norm.weight"] = np.ones(WIDTH, np.float32)
    for layer in range(LAYERS):
        at = f"model.layers.{layer}"
        made[f"{at}.input_layernorm.weight"] = np.ones(WIDTH, np.float32)
        made[f"{at}.post_attention_layernorm.weight"] = np.ones(WIDTH, np.float32)
        made[f"{at}.self_attn.q_proj.weight"] = drawn(WIDTH, WIDTH)
        made[f"{at}.self_attn.k_proj.weight"] = drawn(KV_HEADS * head, WIDTH)
        made[f"{at}.self_attn.v_proj.weight"] = drawn(KV_HEADS * head, WIDTH)
        made[f"{at}.self_attn.o_proj.weight"] = drawn(WIDTH, WIDTH)
        made[f"{at}.mlp.gate_proj.weight"] = drawn(INNER, WIDTH)
        made[f"{at}.mlp.up_proj.weight"] = drawn(INNER, WIDTH)
        made[f"{at}.mlp.down_proj.weight"] = drawn(WIDTH, INNER)
    return made


def write_folder(folder: Path, tensors: Tensors | None = None, *, template: str = TEMPLATE) -> Path:
    """Write a model in the layout of transformers."""
    folder.mkdir(exist_ok=True)
    save_file(dict(tensors or random_tensors()), folder / "model.safetensors", {"format": "pt"})
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": len(TOKENS),
        "hidden_size": WIDTH,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "max_position_embeddings": CONTEXT,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "tie_word_embeddings": False,
        "bos_token_id": None,
        "eos_token_id": 1,
    }
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": place, "content": mark, "special": True, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False}
            for place, mark in enumerate(MARKS)
        ],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {"type": "BPE", "vocab": {token: place for place, token in enumerate(TOKENS)}, "merges": MERGES},
    }  # fmt: skip
    told = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|end|>", "chat_template": template or None}
    for name, content in {"config": config, "tokenizer": tokenizer, "tokenizer_config": told}.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def write_gguf(
    path: Path, tensors: Tensors | None = None, *, template: str = TEMPLATE, facts: Mapping[str, Any] | None = None
) -> Path:
    """Write a model as a GGUF file."""
    ours = _as_gguf(tensors or random_tensors())
    told: dict[str, Any] = {
        "general.architecture": "llama",
        "general.name": "Tiny",
        "general.license": "none",
        "llama.context_length": CONTEXT,
        "llama.embedding_length": WIDTH,
        "llama.block_count": LAYERS,
        "llama.feed_forward_length": INNER,
        "llama.attention.head_count": HEADS,
        "llama.attention.head_count_kv": KV_HEADS,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.dimension_count": WIDTH // HEADS,
        "llama.rope.freq_base": 10000.0,
        "llama.vocab_size": len(TOKENS),
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": TOKENS,
        "tokenizer.ggml.token_type": [3] * len(MARKS) + [1] * (len(TOKENS) - len(MARKS)),
        "tokenizer.ggml.merges": MERGES,
        "tokenizer.ggml.eos_token_id": 1,
        "tokenizer.ggml.bos_token_id": 0,
        "tokenizer.ggml.add_bos_token": False,
        **({"tokenizer.chat_template": template} if template else {}),
        **(facts or {}),
    }
    header = b"GGUF" + struct.pack("<IQQ", 3, len(ours), len(told))
    header += b"".join(_text(key) + _typed(value) for key, value in told.items())
    place, body = 0, b""
    for name, tensor in ours.items():
        header += _text(name) + struct.pack("<I", tensor.ndim)
        header += struct.pack(f"<{tensor.ndim}Q", *tensor.shape[::-1]) + struct.pack("<IQ", 0, place)
        body += tensor.tobytes() + b"\0" * (-tensor.nbytes % 32)
        place = len(body)
    path.write_bytes(header + b"\0" * (-len(header) % 32) + body)
    return path


_PARTS = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip
_ENDS = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


def _as_gguf(tensors: Tensors) -> dict[str, NDArray[np.float32]]:
    """Return weights by llama.cpp's names, in which queries and keys turn neighbours instead of halves."""
    found = {}
    for name, tensor in tensors.items():
        plain = name.removesuffix(".weight")
        if plain in _ENDS:
            found[f"{_ENDS[plain]}.weight"] = tensor
            continue
        _, _, layer, part = plain.split(".", 3)
        if part in ("self_attn.q_proj", "self_attn.k_proj"):
            heads = HEADS if part.endswith("q_proj") else KV_HEADS
            parted = tensor.reshape(heads, 2, tensor.shape[0] // heads // 2, tensor.shape[1])
            tensor = np.ascontiguousarray(parted.swapaxes(1, 2)).reshape(tensor.shape)
        found[f"blk.{layer}.{_PARTS[part]}.weight"] = tensor
    return found


def _text(text: str) -> bytes:
    content = text.encode()
    return struct.pack("<Q", len(content)) + content


def _typed(value: Any) -> bytes:
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + _text(value)
    if isinstance(value[0], str):
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(_text(each) for each in value)
    return struct.pack("<IIQ", 9, 5, len(value)) + struct.pack(f"<{len(value)}i", *value)

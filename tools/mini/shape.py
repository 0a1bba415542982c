"""shape: the dimensions of the model, and the same as the config.json of an official checkpoint."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    vocab: int
    hidden: int = 256
    ratios: tuple = (0, 4, 4, 128, 4, 4, 128, 4, 4)
    hash_layers: int = 2
    heads: int = 8
    head_dim: int = 128
    rope: int = 32
    q_rank: int = 128
    groups: int = 4
    o_rank: int = 64
    window: int = 128
    index_heads: int = 8
    index_dim: int = 64
    index_topk: int = 256
    experts: int = 8
    used: int = 3
    inner: int = 256
    streams: int = 4
    rounds: int = 20
    scale: float = 1.5
    limit: float = 10.0
    eps: float = 1e-6
    hc_eps: float = 1e-6
    theta: float = 10000.0
    theta_compressed: float = 160000.0
    yarn_factor: float = 16.0
    yarn_original: int = 65536
    positions: int = 65536

    def config(self):
        return {
            "architectures": ["DeepseekV4ForCausalLM"], "model_type": "deepseek_v4", "attention_bias": False,
            "bos_token_id": 0, "eos_token_id": 1, "hc_eps": self.hc_eps, "hc_mult": self.streams,
            "hc_sinkhorn_iters": self.rounds, "head_dim": self.head_dim, "hidden_act": "silu",
            "hidden_size": self.hidden, "index_head_dim": self.index_dim, "index_n_heads": self.index_heads,
            "index_topk": self.index_topk, "max_position_embeddings": self.positions,
            "moe_intermediate_size": self.inner, "n_routed_experts": self.experts, "n_shared_experts": 1,
            "norm_topk_prob": True, "num_attention_heads": self.heads, "num_experts_per_tok": self.used,
            "num_hidden_layers": len(self.ratios), "num_hash_layers": self.hash_layers,
            "num_key_value_heads": 1, "num_nextn_predict_layers": 1, "o_groups": self.groups,
            "o_lora_rank": self.o_rank, "q_lora_rank": self.q_rank, "qk_rope_head_dim": self.rope,
            "rms_norm_eps": self.eps,
            "rope_scaling": {"beta_fast": 32, "beta_slow": 1, "factor": self.yarn_factor,
                             "original_max_position_embeddings": self.yarn_original, "type": "yarn"},
            "rope_theta": self.theta, "routed_scaling_factor": self.scale, "scoring_func": "sqrtsoftplus",
            "sliding_window": self.window, "swiglu_limit": self.limit, "tie_word_embeddings": False,
            "topk_method": "noaux_tc", "torch_dtype": "bfloat16", "vocab_size": self.vocab,
            "compress_rope_theta": self.theta_compressed, "compress_ratios": list(self.ratios) + [0],
            "expert_dtype": "fp4",
        }

    @staticmethod
    def of_config(c):
        y = c["rope_scaling"]
        return Shape(
            vocab=c["vocab_size"], hidden=c["hidden_size"], hash_layers=c["num_hash_layers"],
            ratios=tuple(c["compress_ratios"][: c["num_hidden_layers"]]), heads=c["num_attention_heads"],
            head_dim=c["head_dim"], rope=c["qk_rope_head_dim"], q_rank=c["q_lora_rank"], groups=c["o_groups"],
            o_rank=c["o_lora_rank"], window=c["sliding_window"], index_heads=c["index_n_heads"],
            index_dim=c["index_head_dim"], index_topk=c["index_topk"], experts=c["n_routed_experts"],
            used=c["num_experts_per_tok"], inner=c["moe_intermediate_size"], streams=c["hc_mult"],
            rounds=c["hc_sinkhorn_iters"], scale=c["routed_scaling_factor"], limit=c["swiglu_limit"],
            eps=c["rms_norm_eps"], hc_eps=c["hc_eps"], theta=c["rope_theta"],
            theta_compressed=c["compress_rope_theta"], yarn_factor=y["factor"],
            yarn_original=y["original_max_position_embeddings"], positions=c["max_position_embeddings"])

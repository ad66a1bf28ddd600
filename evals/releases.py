"""Published data sets, recognised by the SHA-256 of their files, so that a report names what it was run on.

Only digests that a source states are here. LoCoMo: snap-research/locomo at 3eb6f2c, `data/locomo10.json`.
LongMemEval, on Hugging Face: `xiaowu0162/longmemeval` at 2ec2a55 (original) and `xiaowu0162/longmemeval-cleaned` at
98d7416; the oracle file is the same in both.
"""

from collections.abc import Mapping

RELEASES: Mapping[str, str] = {
    # the digest of the file that this project develops with: five of the ten conversations
    "1c9979aed9f236d0d6700ff90f205f01c1796875da7956cf94672edd87753933": "LoCoMo, five conversations (dev)",
    # LOCOMO_SHA256 beside the pinned URL raw.githubusercontent.com/snap-research/locomo/3eb6f2c5…/data/locomo10.json,
    # 2,805,274 bytes, in several public harnesses
    "79fa87e90f04081343b8c8debecb80a9a6842b76a7aa537dc9fdf651ea698ff4": "LoCoMo, ten conversations (locomo10.json)",
    # github.com/xiaowu0162/LongMemEval/issues/54, 277,383,467 bytes; the same LFS oid in a copy on the hub,
    # huggingface.co/datasets/zhangdw/Anchor-benchmarks at e7aa235
    "d6f21ea9d60a0d56f34a05b609c79c88a451d2ae03597821ea3d5a9678c3a442": "LongMemEval-S, cleaned",
    # longmemeval_m_cleaned.json, 2,737,100,077 bytes: tables of pinned files in several public harnesses, one of them
    # compared with the hub's LFS object id
    "9d79e5524794a2e6900a3aa9cb7d9152c5a3e8319c9a87c25494ba1eacee495f": "LongMemEval-M, cleaned",
    # longmemeval_oracle.json, 15,388,478 bytes: the same tables
    "821a2034d219ab45846873dd14c14f12cfe7776e73527a483f9dac095d38620c": "LongMemEval, oracle",
    # longmemeval_s at 2ec2a55, 278,025,796 bytes: several public harnesses
    "08d8dad4be43ee2049a22ff5674eb86725d0ce5ff434cde2627e5e8e7e117894": "LongMemEval-S, original",
    # longmemeval_m at 2ec2a55, 2,745,274,681 bytes: several public harnesses
    "fb5413e3b077c62927daab794836991a2fcfa61ceacab57dc679fb02daaff2d9": "LongMemEval-M, original",
}


def release_of(sha256: str) -> str | None:
    """Return the published release that a file with this digest is, None where it is not a known one."""
    return RELEASES.get(sha256)

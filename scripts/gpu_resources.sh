#!/usr/bin/env bash
# Tell Spark which GPUs this machine has: {"name": "gpu", "addresses": ["0", "1"]}, from nvidia-smi.
# A whole GPU goes by its number. One that is divided (MIG) goes by the identifiers of its parts, as CUDA does.
set -euo pipefail

fail() {
  printf 'gpu_resources.sh: %s\n' "$1" >&2
  exit 1
}

command -v nvidia-smi >/dev/null ||
  fail "nvidia-smi is not on PATH ($PATH): install NVIDIA's driver on $(uname -n), or start no worker with GPUs there"
listed=$(LC_ALL=C nvidia-smi -L 2>&1) || fail "nvidia-smi -L failed on $(uname -n): $listed"

# One line a GPU, and below it one for each of its parts:
#   GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5d5b...)
#     MIG 1g.5gb      Device  0: (UUID: MIG-c6d4...)
addresses=$(awk '
  function whole() { if (number != "" && !parts) print number }
  /^GPU [0-9]+:/ { whole(); number = $2; sub(/:.*/, "", number); parts = 0 }
  /^ +MIG .*\(UUID: MIG-/ { parts++; sub(/.*UUID: /, ""); sub(/\).*/, ""); print }
  END { whole() }' <<<"$listed")

# CUDA sees nothing of a GPU that may be divided and is not yet. Drivers that do not know the question have no such GPUs.
divisible=$(LC_ALL=C nvidia-smi --query-gpu=index,mig.mode.current --format=csv,noheader 2>/dev/null |
  awk -F', *' '$2 == "Enabled" { print $1 }') || divisible=
if [[ -n $divisible ]]; then
  addresses=$(grep -vxF -- "$divisible" <<<"$addresses") || true
fi

[[ -n $addresses ]] || fail "no GPU can be used on $(uname -n); nvidia-smi -L says: ${listed:-nothing}"
mapfile -t addresses <<<"$addresses"
printf -v quoted '"%s", ' "${addresses[@]}"
printf '{"name": "gpu", "addresses": [%s]}\n' "${quoted%, }"

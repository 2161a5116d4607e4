#!/usr/bin/env bash
# One run over all hosts of a TPU pod slice, started from anywhere by gcloud. Options are those of
# main.py; the workdir and the data must be on a disk that all hosts share (Filestore, say), and
# every host has this repository and its packages in FOLDER.
#
#   TPU=my-pod ZONE=us-central2-b launch/tpu_pod.sh \
#     --config=configs/onenoise/pretrain_1m.py --workdir=/mnt/shared/runs/pretrain
#
# A slice that is preempted tells its hosts before: they save, and the same command goes on.
set -euo pipefail
: "${TPU:?the name of the TPU}" "${ZONE:?its zone}" "${FOLDER:=onenoise_jax}"
options=
if (($#)); then printf -v options ' %q' "$@"; fi # Of nothing it would make an empty option.
exec gcloud compute tpus tpu-vm ssh "$TPU" --zone="$ZONE" --worker=all \
  --command="cd $FOLDER && exec ${PYTHON:-.venv/bin/python} main.py --distributed=auto$options"

"""Predict uint8 images (B, H, W, Q): python predict.py images.npy predictions.npz."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort

ort.set_default_logger_severity(3)  # errors alone
session = ort.InferenceSession(Path(__file__).with_name("network.onnx"))
images = np.load(sys.argv[1])
images = images[..., None] if images.ndim == 3 else images  # grey ones may be (B, H, W)
names = [output.name for output in session.get_outputs()]
predictions = session.run(names, {"images": images})
classes = session.get_modelmeta().custom_metadata_map.get("class_names", "[]")  # by column
arrays = dict(zip(names, predictions, strict=True)) | {"class_names": json.loads(classes)}
np.savez(sys.argv[2], **arrays)

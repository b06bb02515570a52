"""Table 1 of the paper, as printed: validation set, one run a row, averaging rule unstated."""

TABLE_1 = {
    "covid19": {
        "ce": {"dice": 0.9497, "iou": 0.9111, "pixel_error": 0.0176},
        "ce_dl": {"dice": 0.9527, "iou": 0.9169, "pixel_error": 0.0163},
    },
    "acdc": {
        "ce": {"dice": 0.9090, "iou": 0.8420, "pixel_error": 0.0069},
        "ce_dl": {"dice": 0.9213, "iou": 0.8608, "pixel_error": 0.0060},
    },
}

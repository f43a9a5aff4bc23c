"""When a reading is believed: bounds on error, calibrated probabilities, shift, and checks of the values."""

"""Why a score is what it is: contributions of features, how firm they are, and words for them."""

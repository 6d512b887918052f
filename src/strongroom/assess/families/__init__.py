"""One module a kind of model file; each imports its library, so it is imported when met.

A module that opens files has `open_model(data, *, where, n_features, threads) -> Scorer`. One whose
models can be made again has `recipe_of(scorer) -> Recipe` and
`fit(recipe, x, y, seed, *, threads) -> Scorer`.
"""

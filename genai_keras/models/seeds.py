"""Random state in saved files: Keras leaves every `SeedGenerator`, also Dropout's, out of them."""


def save_seed_states(model, store):
    """For a model's `save_own_variables`: puts every seed generator's state into the file."""
    for index, variable in enumerate(_seed_states(model)):
        store[f"seed_state_{index}"] = variable.numpy()


def load_seed_states(model, store):
    """For a model's `load_own_variables`: the reverse."""
    for index, variable in enumerate(_seed_states(model)):
        variable.assign(store[f"seed_state_{index}"])


def _seed_states(model):
    return [v for v in model.variables if v.path.endswith("seed_generator_state")]

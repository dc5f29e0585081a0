"""Keras without what it imports for others: scikit-learn, pandas, pyplot and IPython.

No command lets Keras use them, but if they are installed, they take a third of its import.
"""

import contextlib
import importlib
import sys
import types

# What needs scikit-learn are whole modules of Keras itself. The two names are one thing.
POSTPONED = (
    "keras.wrappers", "keras._tf_keras.keras.wrappers", "matplotlib.pyplot", "IPython", "pandas",
)  # fmt: skip
CLASSES = {"pandas": ("DataFrame", "Series")}  # which Keras looks up at once


@contextlib.contextmanager
def postponed():
    """Lets the first import of Keras get a `Postponed` module for each of `POSTPONED`.

    In the end `sys.modules` has none of them, so whoever imports one gets the usual module. In
    Keras they stay, and work.
    """
    names = () if "keras" in sys.modules else POSTPONED
    absent = {name: Postponed(name) for name in names if name not in sys.modules}
    sys.modules.update(absent)
    try:
        yield
    finally:
        for name, module in absent.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]


class Postponed(types.ModuleType):
    """Stands for a module, and imports it when something in it is first used."""

    def __init__(self, name):
        super().__init__(name)
        for each in CLASSES.get(name, ()):
            setattr(self, each, PostponedClass(each, (), {"__module__": name}))

    def __getattr__(self, name):
        if sys.modules.get(self.__name__) is self:  # within `postponed`
            raise AttributeError(f"{self.__name__} is imported later, and {name} with it")
        return getattr(importlib.import_module(self.__name__), name)


class PostponedClass(type):
    """Stands for a class: before its module is imported, nothing can be an instance of it."""

    def __instancecheck__(cls, instance):
        module = sys.modules.get(cls.__module__)
        return module is not None and isinstance(instance, getattr(module, cls.__name__, ()))

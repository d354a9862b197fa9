"""LLVM's optimiser, object code, and callables made of it."""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from itertools import count
from typing import Any

from llvmlite import binding, ir

from models.kernel.machine.unit import Entry

SPEED = 3
"""LLVM's -O3."""
_INT, _FLOAT = ctypes.c_int64, ctypes.c_double
_numbers = count()


@cache
def target() -> Any:
    """The processor of this machine, with all that it can do."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding.Target.from_default_triple().create_target_machine(
        cpu=binding.get_host_cpu_name(), features=binding.get_host_cpu_features().flatten(), opt=SPEED,
        reloc="pic", codemodel="small",
    )  # fmt: skip


def described() -> str:
    """What object code depends on beside its sources: LLVM, and the processor."""
    version = ".".join(map(str, binding.llvm_version_info))
    features = binding.get_host_cpu_features().flatten()
    return f"{version} {binding.get_default_triple()} {binding.get_host_cpu_name()} {features}"


def object_code(module: ir.Module) -> bytes:
    """A module's object code, optimised."""
    machine = target()
    module.triple, module.data_layout = machine.triple, str(machine.target_data)
    parsed = binding.parse_assembly(str(module))
    parsed.verify()
    tuning = binding.create_pipeline_tuning_options(speed_level=SPEED)
    builder = binding.create_pass_builder(machine, tuning)
    builder.getModulePassManager().run(parsed, builder)
    code: bytes = machine.emit_object(parsed)
    return code


def callables(code: bytes, entries: Mapping[str, Entry]) -> dict[str, Callable[..., Any]]:
    """The entry points of object code, by name."""
    library = binding.JITLibraryBuilder().add_object_img(code).add_current_process()
    for name in entries:
        library = library.export_symbol(name)
    linked = library.link(_linker(), f"{hashlib.blake2b(code, digest_size=8).hexdigest()}-{next(_numbers)}")
    _kept.append(linked)
    return {name: _callable(linked[name], entry) for name, entry in entries.items()}


_kept: list[Any] = []
"""Code that is in use stays as long as the process does."""


@cache
def _linker() -> Any:
    # An object's parts are linked into one piece of memory, so that its constants are near its code.
    return binding.create_lljit_compiler(target(), use_jit_link=True)


def _callable(address: int, entry: Entry) -> Callable[..., Any]:
    kinds = entry.kinds()
    types: list[Any] = []
    for kind in kinds:
        types += [_INT, _INT] if kind.endswith("Array") else [_FLOAT if kind == "float" else _INT]
    returned = {"None": None, "float": _FLOAT}.get(entry.returns(), _INT)
    function = ctypes.CFUNCTYPE(returned, *types)(address)
    if kinds and kinds[0] == "Any" and not any(kind.endswith("Array") for kind in kinds):
        return lambda world, *rest: function(world.address, *rest)

    def call(*arguments: Any) -> Any:
        flat: list[Any] = []
        for kind, argument in zip(kinds, arguments, strict=True):
            if kind.endswith("Array"):
                assert argument.flags.c_contiguous
                flat += [argument.ctypes.data, argument.size]
            else:
                flat.append(argument.address if kind == "Any" else argument)
        return function(*flat)

    return call

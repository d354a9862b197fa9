"""From plain functions on records of numbers to machine code, through LLVM.

The compiled engine's functions are ordinary Python that acts on a `World`: integers, floats, records and arrays of
both. This package reads their sources and writes the same thing down for LLVM, which makes machine code of it. It
knows a part of the language only, that which the kernel needs, and refuses all else with file and line:

- statements: assignment (also to tuples, fields and elements), `if`, `while`, `for` over a range or a written tuple,
  `break`, `continue`, `return`, calls;
- expressions: arithmetic, comparison, `and`, `or`, `not` (as conditions), the conditional expression, calls of other
  such functions (no recursion), fields of records, elements and shapes of arrays;
- numbers: 64-bit integers that wrap, IEEE floats without any liberty taken, truth values.

What is known beforehand is worked out beforehand: branches that cannot be taken are never written down. So the same
functions make an interpreting loop, which walks any system, or, told what one system is made of (`Known`), a loop for
that system alone.

- `sources`: functions as syntax trees
- `values`: what an expression stands for while code is written: a number, a record, an array, something known
- `layout`: where a world's arrays and fields lie
- `arithmetic`: operators and built-in functions on numbers
- `paths`, `places`, `expressions`, `body`: one function, from where its paths meet up to its statements
- `unit`: all functions that some entry points need, each once for each kind of arguments; what is known
- `hints`: what compiled code may tell the processor
- `native`: LLVM's optimiser, object code, callables
"""

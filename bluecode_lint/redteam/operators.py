"""Rewrite a program so that it does the same and looks different: the moves by which a defect hides from a scanner.

Every operator works on the syntax tree of the whole program, chooses its places with the generator it is given, and
leaves what the module offers (names and signatures at the top level) as it is, so that the tests of the original still
apply. Whether the rewritten program still behaves is not assumed: the sandbox shows it. Nothing here runs any code.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import random

Function = ast.FunctionDef | ast.AsyncFunctionDef
Wrapping = Callable[[ast.expr], ast.expr]
_AnyNode = TypeVar("_AnyNode", bound=ast.AST)

_UNMOVABLE = (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr, ast.Starred)


@dataclass(frozen=True, slots=True)
class Operator:
    """One move. ``mutate`` changes a tree in place and tells whether it found a place to.

    A held-out operator is kept from the search, so that it can measure what was learned from the others.
    """

    name: str
    mutate: Callable[[ast.Module, random.Random], bool]
    held_out: bool = False


def rewrite(code: str, operator: Operator, chance: random.Random) -> str | None:
    """Apply an operator to a program; None if it finds no place, or the program does not parse."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if not operator.mutate(tree, chance):
        return None
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


# --- places ----------------------------------------------------------------------------------------------------------


def _functions(tree: ast.Module) -> list[Function]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def _top_level(tree: ast.Module) -> list[ast.FunctionDef]:
    return [node for node in tree.body if isinstance(node, ast.FunctionDef)]


def _calls(tree: ast.Module) -> list[ast.Call]:
    """List the calls inside functions, decorators left out."""
    return [node for function in _functions(tree) for s in function.body for node in _own(s, ast.Call)]


def _own(node: ast.AST, kind: type[_AnyNode]) -> Iterator[_AnyNode]:
    """Walk a statement without the functions and classes in it, which have statements of their own."""
    pending = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if isinstance(current, kind):
            yield current
        pending.extend(ast.iter_child_nodes(current))


def _is_movable(expr: ast.expr) -> bool:
    """Tell whether an expression can be evaluated in another function: it neither suspends nor binds."""
    return not any(isinstance(node, _UNMOVABLE) for node in ast.walk(expr))


def _names_in(tree: ast.AST) -> set[str]:
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    return names | {
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }


def _fresh(tree: ast.Module, *words: str) -> str:
    """Give the first of some names that the program does not use yet."""
    taken = _names_in(tree)
    return next(
        (w for w in words if w not in taken),
        next(f"{words[0]}{n}" for n in range(2, 1000) if f"{words[0]}{n}" not in taken),
    )


def _imported(tree: ast.Module) -> dict[str, ast.alias]:
    """Map the names that ``import x`` (with no dots) binds to their aliases."""
    return {
        alias.asname or alias.name: alias
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if "." not in alias.name or alias.asname
    }


def _start_of_body(tree: ast.Module) -> int:
    """Give the position after the docstring and the imports."""
    for position, statement in enumerate(tree.body):
        is_docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if not is_docstring and not isinstance(statement, ast.Import | ast.ImportFrom):
            return position
    return len(tree.body)


def _add_import(tree: ast.Module, module: str) -> str:
    """Import a module under a name that is free, and give the name."""
    if module in _imported(tree):
        return module
    name = _fresh(tree, module, f"{module}_module")
    position = _start_of_body(tree)
    tree.body.insert(position, ast.Import([ast.alias(module, None if name == module else name)]))
    return name


def _parsed(text: str, **parts: ast.expr) -> ast.expr:
    """Parse an expression and put others in the places of its capitalised names."""
    expr = ast.parse(text, mode="eval").body

    class _Fill(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return parts.get(node.id, node)

    filled = _Fill().visit(expr)
    return filled if isinstance(filled, ast.expr) else expr


def _wrap_arguments(tree: ast.Module, chance: random.Random, wrap: Wrapping, share: float = 0.6) -> bool:
    """Wrap the first arguments of some calls, the constant ones left alone; at least one if there is any."""
    found = [
        call
        for call in _calls(tree)
        if call.args and not isinstance(call.args[0], ast.Constant) and _is_movable(call.args[0])
    ]
    if not found:
        return False
    sure = chance.randrange(len(found))
    for number, call in enumerate(found):
        if number == sure or chance.random() < share:
            call.args[0] = wrap(call.args[0])
    return True


# --- names -----------------------------------------------------------------------------------------------------------

_SPARE_NAMES = ("item", "entry", "piece", "chunk", "thing", "node", "slot", "mark", "field", "bit", "row", "cell")


def rename_locals(tree: ast.Module, chance: random.Random) -> bool:
    """Give the variables of functions other names."""
    changed = False
    for function in _functions(tree):
        inner = [n for n in ast.walk(function) if n is not function]
        nested = any(isinstance(n, Function | ast.ClassDef | ast.Lambda | ast.Global | ast.Nonlocal) for n in inner)
        if nested or {"locals", "vars", "eval", "exec", "dir"} & _names_in(function):
            continue
        arguments = {n.arg for n in ast.walk(function.args) if isinstance(n, ast.arg)}
        bound = {n.id for n in inner if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)} - arguments
        spare = [name for name in _SPARE_NAMES if name not in _names_in(tree)]
        chance.shuffle(spare)
        chosen = dict(zip(sorted(bound), spare, strict=False))
        for node in inner:
            if isinstance(node, ast.Name) and node.id in chosen:
                node.id = chosen[node.id]
                changed = True
    return changed


def alias_imports(tree: ast.Module, chance: random.Random) -> bool:
    """Import modules under other names."""
    changed = False
    for name, alias in sorted(_imported(tree).items()):
        stored = any(
            isinstance(n, ast.Name) and n.id == name and not isinstance(n.ctx, ast.Load) for n in ast.walk(tree)
        )
        if stored:
            continue
        alias.asname = _fresh(tree, chance.choice(("lib", "mod", "api", "kit")) + "_" + name[:1])
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id == name:
                node.id = alias.asname
        changed = True
    return changed


def alias_callables(tree: ast.Module, chance: random.Random) -> bool:
    """Keep what is called in a variable first: ``run = os.system`` … ``run(x)``."""
    modules = _imported(tree)
    changed = False
    for function in _functions(tree):
        for call in [c for s in function.body for c in _own(s, ast.Call)]:
            callee = call.func
            if not isinstance(callee, ast.Attribute) or not isinstance(callee.value, ast.Name):
                continue
            if callee.value.id in modules and chance.random() < 0.8:  # noqa: PLR2004  # most, not all
                name = _fresh(tree, f"do_{callee.attr}", "action")
                function.body.insert(0, ast.Assign([ast.Name(name, ast.Store())], callee))
                call.func = ast.Name(name, ast.Load())
                changed = True
    return changed


def look_up_attributes(tree: ast.Module, chance: random.Random) -> bool:
    """Get functions of modules by name: ``getattr(os, "sys" + "tem")``."""
    modules = _imported(tree)
    changed = False
    for call in _calls(tree):
        callee = call.func
        if isinstance(callee, ast.Attribute) and isinstance(callee.value, ast.Name) and callee.value.id in modules:
            middle = chance.randrange(1, len(callee.attr)) if len(callee.attr) > 1 else 1
            name = ast.BinOp(ast.Constant(callee.attr[:middle]), ast.Add(), ast.Constant(callee.attr[middle:]))
            call.func = _parsed("getattr(OWNER, NAME)", OWNER=callee.value, NAME=name)
            changed = True
    return changed


# --- where a value goes ----------------------------------------------------------------------------------------------


def through_container(tree: ast.Module, chance: random.Random) -> bool:
    """Put a value into a container and take it out where it is used."""
    texts = ("{'value': VALUE}['value']", "[None, VALUE][1]", "(VALUE,)[0]", "dict(value=VALUE).get('value')")
    return _wrap_arguments(tree, chance, lambda value: _parsed(chance.choice(texts), VALUE=value))


def through_closure(tree: ast.Module, chance: random.Random) -> bool:
    """Give a value back from a function made on the spot."""
    return _wrap_arguments(tree, chance, lambda value: _parsed("(lambda: VALUE)()", VALUE=value))


def through_comprehension(tree: ast.Module, chance: random.Random) -> bool:
    """Pass a value through a comprehension."""
    name = _fresh(tree, "each", "one")
    text = f"[{name} for {name} in [VALUE]][0]"
    return _wrap_arguments(tree, chance, lambda value: _parsed(text, VALUE=value))


def through_iterator(tree: ast.Module, chance: random.Random) -> bool:
    """Pass a value through an iterator."""
    texts = ("next(iter([VALUE]))", "next(iter((VALUE, None)))", "next(reversed([None, VALUE]))")
    return _wrap_arguments(tree, chance, lambda value: _parsed(chance.choice(texts), VALUE=value))


def through_module_state(tree: ast.Module, chance: random.Random) -> bool:
    """Leave a value in a table of the module and read it back."""
    table = _fresh(tree, "PENDING", "STATE")
    done = _wrap_arguments(
        tree, chance, lambda value: _parsed(f"({table}.__setitem__('last', VALUE), {table}['last'])[1]", VALUE=value)
    )
    if done:
        tree.body.insert(_start_of_body(tree), ast.parse(f"{table} = {{}}").body[0])
    return done


def through_helper(tree: ast.Module, chance: random.Random) -> bool:
    """Move the making of an argument into a function of its own."""
    owners = [(f, c) for f in _functions(tree) for s in f.body for c in _own(s, ast.Call)]
    found = [
        (function, call)
        for function, call in owners
        if call.args and isinstance(call.args[0], ast.BinOp | ast.JoinedStr | ast.Call) and _is_movable(call.args[0])
    ]
    if not found:
        return False
    function, call = chance.choice(found)
    value = call.args[0]
    local = {n.arg for n in ast.walk(function.args) if isinstance(n, ast.arg)} | {
        n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    own = {n.id for n in ast.walk(value) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    free = sorted({n.id for n in ast.walk(value) if isinstance(n, ast.Name)} & local - own)
    name = _fresh(tree, "compose", "prepare_value", "assemble")
    helper = ast.parse(f"def {name}({', '.join(free)}):\n    pass").body[0]
    if not isinstance(helper, ast.FunctionDef):
        return False
    helper.body = [ast.Return(value)]
    call.args[0] = ast.Call(ast.Name(name, ast.Load()), [ast.Name(f, ast.Load()) for f in free], [])
    tree.body.insert(_start_of_body(tree), helper)
    return True


# --- how functions are arranged --------------------------------------------------------------------------------------


def _passed_on(function: ast.FunctionDef) -> str | None:
    """Write a function's parameters as the arguments of a call that passes all of them on."""
    args = function.args
    words = [a.arg for a in (*args.posonlyargs, *args.args)]
    words += [f"*{args.vararg.arg}"] if args.vararg else []
    words += [f"{a.arg}={a.arg}" for a in args.kwonlyargs]
    words += [f"**{args.kwarg.arg}"] if args.kwarg else []
    is_generator = any(isinstance(n, ast.Yield | ast.YieldFrom) for n in ast.walk(function))
    return None if is_generator or function.decorator_list else ", ".join(words)


def delegate(tree: ast.Module, _chance: random.Random) -> bool:
    """Split functions in two: the one that is called only calls the one that does the work."""
    changed = False
    for function in _top_level(tree):
        words = _passed_on(function)
        if words is None:
            continue
        inner = copy.deepcopy(function)
        inner.name = _fresh(tree, f"perform_{function.name}", f"inner_{function.name}")
        function.body = ast.parse(f"def f():\n    return {inner.name}({words})").body[0].body  # type: ignore[attr-defined]
        tree.body.insert(tree.body.index(function), inner)
        changed = True
    return changed


def make_async(tree: ast.Module, _chance: random.Random) -> bool:
    """Do the work of functions in coroutines that they run."""
    changed = False
    for function in _top_level(tree):
        words = _passed_on(function)
        if words is None:
            continue
        loop = _add_import(tree, "asyncio")
        name = _fresh(tree, f"{function.name}_async")
        inner = ast.AsyncFunctionDef(name, copy.deepcopy(function.args), function.body, [], function.returns)
        function.body = ast.parse(f"def f():\n    return {loop}.run({name}({words}))").body[0].body  # type: ignore[attr-defined]
        tree.body.insert(tree.body.index(function), inner)
        changed = True
    return changed


def keep_in_instance(tree: ast.Module, _chance: random.Random) -> bool:
    """Keep a function's arguments in an object whose method does the work."""
    changed = False
    for function in _top_level(tree):
        args = function.args
        words = _passed_on(function)
        if words is None or args.vararg or args.kwarg or args.kwonlyargs or not args.args:
            continue
        names = [a.arg for a in (*args.posonlyargs, *args.args)]
        stored = {n.id for s in function.body for n in ast.walk(s) if isinstance(n, ast.Name)} & set(names)
        name = _fresh(tree, f"{function.name.strip('_').title().replace('_', '')}Task")
        maker = "".join(f"        self.{n} = {n}\n" for n in names)
        reads = "".join(f"        {n} = self.{n}\n" for n in names if n in stored)
        head = f"class {name}:\n    def __init__(self, {', '.join(names)}):\n{maker}\n"
        text = f"{head}    def run(self):\n{reads or '        pass'}\n"
        worker = ast.parse(text).body[0]
        worker.body[1].body.extend(function.body)  # type: ignore[attr-defined]
        function.body = ast.parse(f"def f():\n    return {name}({words}).run()").body[0].body  # type: ignore[attr-defined]
        tree.body.insert(tree.body.index(function), worker)
        changed = True
    return changed


def call_partially(tree: ast.Module, chance: random.Random) -> bool:
    """Bind a call's first argument with ``functools.partial`` before calling."""
    found = [c for c in _calls(tree) if c.args and _is_movable(c.args[0]) and isinstance(c.func, ast.Attribute)]
    if not found:
        return False
    module = _add_import(tree, "functools")
    for call in chance.sample(found, max(1, len(found) // 2)):
        maker = ast.Attribute(ast.Name(module, ast.Load()), "partial", ast.Load())
        call.func = ast.Call(maker, [call.func, call.args[0]], [])
        del call.args[0]
    return True


# --- pretended protection and disguise -------------------------------------------------------------------------------


def dead_sanitizer(tree: ast.Module, chance: random.Random) -> bool:
    """Clean an argument and never use what came of it."""
    found = [f for f in _functions(tree) if [a for a in f.args.args if a.arg not in ("self", "cls")]]
    if not found:
        return False
    module = _add_import(tree, "html")
    for function in found:
        argument = chance.choice([a.arg for a in function.args.args if a.arg not in ("self", "cls")])
        name = _fresh(tree, f"safe_{argument}")
        function.body.insert(0, ast.parse(f"{name} = {module}.escape(str({argument}))").body[0])
    return True


def sham_sanitizer(tree: ast.Module, chance: random.Random) -> bool:
    """Pass values through a function that is called like a sanitizer and does nothing."""
    name = _fresh(tree, chance.choice(("sanitize", "escape_value", "clean_input", "make_safe")))
    done = _wrap_arguments(tree, chance, lambda value: _parsed(f"{name}(VALUE)", VALUE=value))
    if done:
        tree.body.insert(_start_of_body(tree), ast.parse(f"def {name}(value):\n    return value").body[0])
    return done


def encode_literals(tree: ast.Module, _chance: random.Random) -> bool:
    """Write texts as hexadecimal digits that are decoded when the program runs."""
    kept = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr | ast.MatchValue | ast.MatchMapping)
        for part in ast.walk(node)
    }
    found = [
        (call, position)
        for call in _calls(tree)
        for position, arg in enumerate(call.args)
        if isinstance(arg, ast.Constant) and isinstance(arg.value, str) and arg.value and id(arg) not in kept
    ]
    for call, position in found:
        value = call.args[position]
        if isinstance(value, ast.Constant):
            digits = ast.Constant(str(value.value).encode().hex())
            call.args[position] = _parsed("bytes.fromhex(DIGITS).decode()", DIGITS=digits)
    return bool(found)


def spread_keywords(tree: ast.Module, _chance: random.Random) -> bool:
    """Give keyword arguments as a table: ``f(**{"verify": False})``."""
    changed = False
    for call in _calls(tree):
        named = [k for k in call.keywords if k.arg is not None]
        if named:
            table = ast.Dict([ast.Constant(k.arg) for k in named], [k.value for k in named])
            call.keywords = [*(k for k in call.keywords if k.arg is None), ast.keyword(None, table)]
            changed = True
    return changed


def rebuild_texts(tree: ast.Module, chance: random.Random) -> bool:
    """Build texts another way: f-strings by ``format`` or ``join``, sums by ``join``."""
    changed = False

    class _Rebuild(ast.NodeTransformer):
        def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
            nonlocal changed
            if any(isinstance(v, ast.FormattedValue) and (v.format_spec or v.conversion != -1) for v in node.values):
                return node
            values = [v.value if isinstance(v, ast.FormattedValue) else v for v in node.values]
            changed = True
            if chance.random() < 0.5:  # noqa: PLR2004  # either way
                parts = [v if isinstance(v, ast.Constant) else _parsed("str(V)", V=v) for v in values]
                return _parsed("''.join(PARTS)", PARTS=ast.List(parts, ast.Load()))
            fields = "".join(
                str(v.value).replace("{", "{{").replace("}", "}}") if isinstance(v, ast.Constant) else "{}"
                for v in node.values
            )
            given = [v.value for v in node.values if isinstance(v, ast.FormattedValue)]
            return ast.Call(ast.Attribute(ast.Constant(fields), "format", ast.Load()), given, [])

        def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
            nonlocal changed
            self.generic_visit(node)
            left = node.left
            if isinstance(node.op, ast.Add) and isinstance(left, ast.Constant) and isinstance(left.value, str):
                changed = True
                return _parsed("''.join(PARTS)", PARTS=ast.List([left, node.right], ast.Load()))
            return node

    _Rebuild().visit(tree)
    return changed


OPERATORS: tuple[Operator, ...] = (
    Operator("rename-locals", rename_locals),
    Operator("alias-import", alias_imports),
    Operator("alias-callable", alias_callables),
    Operator("getattr", look_up_attributes),
    Operator("container", through_container),
    Operator("closure", through_closure),
    Operator("comprehension", through_comprehension),
    Operator("helper", through_helper),
    Operator("delegate", delegate),
    Operator("async", make_async),
    Operator("dead-sanitizer", dead_sanitizer),
    Operator("sham-sanitizer", sham_sanitizer),
    Operator("encoded-literal", encode_literals),
    Operator("string-building", rebuild_texts),
    Operator("keyword-table", spread_keywords),
    Operator("iterator", through_iterator, held_out=True),
    Operator("module-state", through_module_state, held_out=True),
    Operator("instance", keep_in_instance, held_out=True),
    Operator("partial", call_partially, held_out=True),
)
"""Every move, those the search may use first."""

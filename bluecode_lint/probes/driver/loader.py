"""Load a module of which much may be missing: packages that are not installed, names that are defined nowhere.

The module's top-level statements run one by one, so that a failing one does not cost the functions below it.
"""
# ruff: noqa: ANN401  # modules and what is imported from them have any type

from __future__ import annotations
import __future__

import ast
import builtins
import importlib
import importlib.machinery
import importlib.util
import re
import sys
import textwrap
import types
import warnings
from typing import TYPE_CHECKING, Any

from .stage import STAGE
from .wild import Wild, WildModule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STUB_ROOT = f"{__package__}.stubs"

_PARTS: Mapping[str, str] = {
    "flask_web": "flask quart flask_restful flask_restx flask_login",
    "werkzeug_parts": "werkzeug",
    "django_web": "django rest_framework",
    "fastapi_web": "fastapi starlette",
    "aiohttp_web": "aiohttp",
    "tornado_web": "tornado",
    "bottle_web": "bottle",
    "markup": "markupsafe bleach nh3",
    "templates": "jinja2 mako",
    "databases": "sqlalchemy psycopg2 psycopg pymysql MySQLdb mysql asyncpg aiosqlite peewee flask_sqlalchemy pyodbc "
    "cx_Oracle oracledb",
    "pickles": "jsonpickle dill cloudpickle joblib",
    "xml_parsers": "lxml defusedxml",
    "click_commands": "click typer",
    "pydantic_models": "pydantic",
    "async_files": "aiofiles anyio",
    "": "requests httpx urllib3 smtplib ftplib paramiko fabric pymongo motor flask_pymongo bson redis boto3 ldap3 ldap "
    "uvicorn gunicorn pandas flask_cors",
}
STAND_INS: Mapping[str, str] = {package: part for part, packages in _PARTS.items() for package in packages.split()}
"""Packages with a stand-in of ours, which is used even where the real one is installed: it needs no network and no
server, starts in a millisecond, and behaves the same on every machine. Sub-modules share their root's stand-in; an
empty name means that all of it is wild, which records every call."""

REAL_FIRST = frozenset({"jinja2", "markupsafe", "pydantic"})
"""Of those, the ones whose real package is better when it is there: pure computation."""

_HOMES: Mapping[str, str] = {
    "flask": "Flask Blueprint session g current_app jsonify make_response render_template render_template_string "
    "send_file send_from_directory url_for flash Markup redirect abort Response",
    "django.http": "HttpResponse JsonResponse HttpResponseRedirect HttpRequest HttpResponseBadRequest "
    "HttpResponseForbidden HttpResponseNotFound FileResponse StreamingHttpResponse Http404",
    "django.shortcuts": "render get_object_or_404 render_to_string",
    "django.utils.html": "format_html escape conditional_escape strip_tags",
    "django.utils.safestring": "mark_safe SafeString",
    "urllib.parse": "quote urlparse urlencode urljoin",
    "urllib.request": "urlopen",
    "io": "BytesIO StringIO",
    "datetime": "datetime timedelta",
    "subprocess": "Popen PIPE STDOUT check_output check_call CalledProcessError",
    "pathlib": "Path",
    "functools": "wraps",
    "collections": "defaultdict OrderedDict",
    "copy": "deepcopy",
    "lxml": "etree",
    "xml.etree": "ElementTree",
    "time": "sleep",
    "decimal": "Decimal",
    "ast": "literal_eval",
    "os": "system",
    "os.path": "join exists isfile",
    "werkzeug.utils": "secure_filename safe_join",
    "sqlalchemy": "text",
    "contextlib": "contextmanager",
    "dataclasses": "dataclass field",
    "bottle": "static_file",
    "typing": "Optional Any List Dict Tuple Union Callable",
}
WELL_KNOWN: Mapping[str, tuple[str, str]] = {
    **{name: (package, name) for package, names in _HOMES.items() for name in names.split()},
    "ET": ("xml.etree", "ElementTree"),
}
"""Names a fragment may use without importing them, and where everybody gets them from."""

PYTHON_2: Mapping[str, Any] = {
    "unicode": str,
    "basestring": str,
    "xrange": range,
    "raw_input": lambda *_prompt: builtins.input(),
    "long": int,
    "unichr": chr,
    "reduce": __import__("functools").reduce,
    "file": open,
    "cmp": lambda a, b: (a > b) - (a < b),
}
"""Builtins that are gone but live on in old fragments."""


class OpenBuiltins(dict[str, Any]):
    """The builtins of the module under test: a name found nowhere else is looked for widely, then made up."""

    def __init__(self, unresolved: set[str], app_names: frozenset[str]) -> None:
        super().__init__(vars(builtins))
        self.unresolved = unresolved
        self.app_names = app_names
        self["__import__"] = import_permissively

    def __missing__(self, name: str) -> Any:
        found = self._find(name)
        if found is None:
            self.unresolved.add(name)
            found = type(name, (Exception,), {}) if name.endswith(("Error", "Exception")) else Wild(name)
        self[name] = found
        return found

    def _find(self, name: str) -> Any:
        if name in PYTHON_2:
            return PYTHON_2[name]
        if name in self.app_names:
            return import_permissively("flask").Flask(name)
        if name in WELL_KNOWN:
            package, member = WELL_KNOWN[name]
            found = importlib.import_module(package)
            return getattr(found, member) if member else found
        if name == "request":
            return import_permissively("flask").request
        if name in sys.stdlib_module_names or name in STAND_INS:
            return importlib.import_module(name)
        return None


class StandInFinder:
    """Finds our stand-ins before anything installed, so that no framework or client is ever really started."""

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> Any:
        """Give a spec for the packages of `STAND_INS` and all their sub-modules."""
        root = name.split(".", 1)[0]
        if root not in STAND_INS:
            return None
        if root in REAL_FIRST:
            found = importlib.machinery.PathFinder.find_spec(root)
            if found is not None and (name == root or "." in name):
                return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)  # type: ignore[arg-type]

    def create_module(self, spec: Any) -> types.ModuleType:
        """Make a module whose names come from the stand-in, and are wild where it has none."""
        name = spec.name
        made = WildModule(name)
        source = STAND_INS[name.split(".", 1)[0]]
        if not source:
            return made
        stand_in = importlib.import_module(f"{STUB_ROOT}.{source}")
        members = getattr(stand_in, "MODULES", {}).get(name, vars(stand_in))
        for key, value in dict(members).items():
            if not key.startswith("__"):
                setattr(made, key, value)
        return made

    def exec_module(self, module: types.ModuleType) -> None:
        """Do nothing: the names are there already."""


class MissingFinder:
    """Finds, last of all, what nobody has: an uninstalled package becomes a module of wild names."""

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> Any:
        """Give a spec for anything but a standard module and our own."""
        root = name.split(".", 1)[0]
        if root in sys.stdlib_module_names or root == STUB_ROOT.split(".", 1)[0]:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)  # type: ignore[arg-type]

    def create_module(self, spec: Any) -> types.ModuleType:
        """Make the wild module and say so in the notes."""
        STAGE.missing.add(spec.name.split(".", 1)[0])
        return WildModule(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Do nothing: names appear when asked for."""


class _Padded(types.ModuleType):
    """A real module that lacks names this fragment imports from it."""

    def __init__(self, real: types.ModuleType) -> None:
        super().__init__(real.__name__)
        self.__dict__.update(vars(real))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return Wild(f"{self.__name__}.{name}")


def import_permissively(
    name: str,
    globals: Mapping[str, Any] | None = None,  # noqa: A002  # the signature of __import__
    locals: Mapping[str, Any] | None = None,  # noqa: A002
    fromlist: Sequence[str] = (),
    level: int = 0,
) -> Any:
    """Import as `__import__` does, but never fail: what breaks or is missing becomes wild."""
    names = [n for n in fromlist or () if n != "*"]
    try:
        found = builtins.__import__(name, globals, locals, fromlist or (), level)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # a dependency may fail in any way at import
        STAGE.notes.append(f"import of {name or '.'} failed: {type(error).__name__}")
        full = name or "package"
        return (
            sys.modules.setdefault(full, WildModule(full))
            if fromlist or "." not in full
            else WildModule(full.split(".")[0])
        )
    if names and any(not hasattr(found, n) for n in names) and isinstance(found, types.ModuleType):
        return _Padded(found)
    return found


def parse_module(text: str, filename: str) -> ast.Module:
    """Parse the module; an indented fragment is shifted left, and a Python 2 text is respelled line by line.

    Raises:
        SyntaxError: It does not parse either way.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text, filename)
        except SyntaxError as error:
            for attempt in (textwrap.dedent(text), respell_python_2(textwrap.dedent(text))):
                try:
                    return ast.parse(attempt, filename)
                except SyntaxError:
                    continue
            raise error from None


_RESPELLINGS = (
    (re.compile(r"^(\s*)print\s*$", re.MULTILINE), r"\1print()"),
    (re.compile(r"^(\s*)print\s+>>\s*\w+(?:\.\w+)*\s*,\s*(.+?)\s*$", re.MULTILINE), r"\1print(\2)"),
    (re.compile(r"^(.*?[:;]\s+|\s*)print[ \t]+(?!\()([^=\n].*?),?[ \t]*$", re.MULTILINE), r"\1print(\2)"),
    (re.compile(r"^(.*?[:;]\s+|\s*)print[ \t]+(\(.*\)[ \t]*%.*?)[ \t]*$", re.MULTILINE), r"\1print(\2)"),
    (re.compile(r"except\s+([\w.]+|\([^)]*\))\s*,\s*(\w+)\s*:"), r"except \1 as \2:"),
    (re.compile(r"^(\s*)raise\s+([\w.]+)\s*,\s*(.+?)\s*$", re.MULTILINE), r"\1raise \2(\3)"),
    (re.compile(r"^(\s*)exec\s+(?!\()(.+?)(?:\s+in\s+(\w+))?\s*$", re.MULTILINE), r"\1exec(\2)"),
    (re.compile(r"<>"), "!="),
    (re.compile(r"\bur(['\"])"), r"r\1"),
    (re.compile(r"(?<![\w.])0([0-7]{2,4})\b"), r"0o\1"),
    (re.compile(r"\t"), "        "),
)


def respell_python_2(text: str) -> str:
    """Respell the Python 2 idioms that stop a fragment from parsing, line for line."""
    for pattern, spelling in _RESPELLINGS:
        text = pattern.sub(spelling, text)
    return text


def install_finders(paths: Sequence[str]) -> None:
    """Put our finders around the installed ones, and the project's folders at the end of the path."""
    sys.meta_path.insert(0, StandInFinder())
    sys.meta_path.append(MissingFinder())
    for path in paths:
        if path not in sys.path:
            sys.path.append(path)


def imported_roots(tree: ast.Module) -> list[str]:
    """List the packages a module imports, top-level names only, in order."""
    roots: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            roots.update((alias.name.split(".")[0], None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            roots[node.module.split(".")[0]] = None
    return list(roots)


def application_names(tree: ast.Module) -> frozenset[str]:
    """Find the names on which routes are registered (``@app.route(...)``); undefined ones become an application."""
    found: set[str] = set()
    for node in ast.walk(tree):
        for decorator in getattr(node, "decorator_list", ()):
            call = decorator.func if isinstance(decorator, ast.Call) else decorator
            if (
                isinstance(call, ast.Attribute)
                and isinstance(call.value, ast.Name)
                and call.attr in {"route", "get", "post", "put", "delete", "patch", "before_request", "errorhandler"}
            ):
                found.add(call.value.id)
    return frozenset(found)


def _future_flags(tree: ast.Module) -> int:
    """Give the compiler flags of the module's ``from __future__`` imports, which each statement needs again."""
    names = [
        alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module == "__future__"
        for alias in node.names
    ]
    return sum(getattr(__future__, name).compiler_flag for name in names if hasattr(__future__, name))


class Loading:
    """A module that is executed statement by statement, so that a failing one costs no other; failures become notes.

    ``spec`` has ``filename``, ``name`` and ``package``.
    """

    def __init__(self, tree: ast.Module, spec: Any, *, as_main: bool = False) -> None:
        self.module = types.ModuleType("__main__" if as_main else spec.name)
        self._tree, self._filename, self._as_main = tree, spec.filename, as_main
        self._flags = _future_flags(tree)
        self._unresolved: set[str] = set()
        self._next = 0
        self.module.__dict__.update(
            __file__=spec.filename,
            __package__=spec.package,
            __builtins__=OpenBuiltins(self._unresolved, application_names(tree)),
        )
        sys.modules[self.module.__name__] = self.module

    def advance(self, end: int) -> None:
        """Execute what comes before the statement with the index ``end``."""
        while self._next < min(end, len(self._tree.body)):
            statement = self._tree.body[self._next]
            self._next += 1
            try:
                self._execute(statement)
            except (SystemExit, Exception) as error:  # noqa: BLE001  # the code under test may fail in any way
                STAGE.notes.append(f"line {statement.lineno}: {type(error).__name__}")
                if self._as_main and isinstance(error, SystemExit):
                    self._next = len(self._tree.body)
        STAGE.unresolved |= self._unresolved

    def finish(self) -> types.ModuleType:
        """Execute what is left, and give the module."""
        self.advance(len(self._tree.body))
        return self.module

    def _execute(self, statement: ast.stmt) -> None:
        single = ast.Module(body=[statement], type_ignores=[])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = compile(single, self._filename, "exec", self._flags, dont_inherit=True)
        exec(code, self.module.__dict__)  # noqa: S102  # this is the sandbox, and this is what it is for


def run_module(tree: ast.Module, spec: Any, *, as_main: bool = False) -> types.ModuleType:
    """Execute a parsed module and give it (see `Loading`)."""
    return Loading(tree, spec, as_main=as_main).finish()

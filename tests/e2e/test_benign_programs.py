"""Programs that mean no harm are attacked like any other, and their tree is afterwards what it was, byte for byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PROGRAMS = {
    "numbers_.py": """
        import json
        import os
        import statistics


        def summarize(path, out="summary.json"):
            with open(path) as lines:
                values = [float(line) for line in lines]
            os.system(f"echo {path} >> history.log")
            with open(out, "w") as target:
                json.dump({"mean": statistics.mean(values)}, target)


        if __name__ == "__main__":
            summarize("data.txt")
    """,
    "records.py": """
        import os
        import pickle
        import shutil
        from dataclasses import dataclass


        @dataclass
        class Store:
            folder: str = "."

            def save(self, name, record):
                with open(os.path.join(self.folder, name), "wb") as target:
                    pickle.dump(record, target)

            def load(self, name):
                with open(os.path.join(self.folder, name), "rb") as source:
                    return pickle.load(source)

            def drop(self, name):
                shutil.rmtree(os.path.join(self.folder, name), ignore_errors=True)
    """,
    "tool.py": """
        import argparse
        import os
        import subprocess


        def main():
            parser = argparse.ArgumentParser()
            parser.add_argument("target")
            parser.add_argument("--clean", action="store_true")
            options = parser.parse_args()
            if options.clean:
                subprocess.run("rm -rf " + options.target, shell=True)
            os.makedirs("build", exist_ok=True)
            open("build/" + options.target, "w").write("done")


        if __name__ == "__main__":
            main()
    """,
    "server.py": """
        import asyncio
        import sqlite3

        database = sqlite3.connect("state.db")
        database.execute("CREATE TABLE IF NOT EXISTS seen (name TEXT)")
        database.commit()


        async def handle(reader, writer):
            name = (await reader.readline()).decode().strip()
            database.execute(f"INSERT INTO seen VALUES ('{name}')")
            database.commit()
            writer.write(name.encode())
            await writer.drain()


        async def main():
            server = await asyncio.start_server(handle, "127.0.0.1", 8888)
            async with server:
                await server.serve_forever()


        if __name__ == "__main__":
            asyncio.run(main())
    """,
}


def snapshot(root: Path) -> dict[str, tuple[bytes, int, int]]:
    files = [path for path in sorted(root.rglob("*")) if path.is_file()]
    return {str(path): (path.read_bytes(), path.stat().st_mode, path.stat().st_mtime_ns) for path in files}


def test_a_writable_tree_of_benign_programs_is_left_as_it_was(repository, command_line):
    files = {name: "\n".join(line[8:] for line in text.splitlines()) + "\n" for name, text in PROGRAMS.items()}
    root = repository({**files, "data.txt": "1\n2\n3\n", "precious/notes.txt": "keep me\n"})
    before = snapshot(root)
    done = command_line.scan(".", "--probe-budget", "200", "--fail-on", "never", cwd=root)
    assert done.code == 0, done.said
    assert done.json["statistics"]["confirmed"] >= 3  # they were really run
    assert snapshot(root) == before

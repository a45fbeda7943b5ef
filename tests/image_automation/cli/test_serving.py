import asyncio
import ctypes
import subprocess
import sys

import pytest
import uvloop

from image_automation.cli import serving


def test_the_service_runs_on_uvloop():
    async def which() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    assert isinstance(serving.run(which()), uvloop.Loop)


ALLOCATING = """
import ctypes, re, sys, tempfile, threading
from image_automation.cli import serving

async def main() -> None:
    together = threading.Barrier(8)

    def work() -> None:
        together.wait()
        bytes(60_000)
        together.wait()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

serving.run(main())
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
with tempfile.NamedTemporaryFile() as file:
    stream = ctypes.c_void_p(libc.fopen(file.name.encode(), b"w"))
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    print(len(re.findall("<heap nr", open(file.name).read())))
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="not glibc")
def test_threads_share_what_memory_they_free():
    done = subprocess.run([sys.executable, "-c", ALLOCATING], capture_output=True, text=True, check=True)
    assert int(done.stdout) <= 2

"""The loop for callers without one: closed while others use it, it still ends."""

import asyncio
import threading

from parrot.core.engine.bridge import BackgroundLoop


def test_closing_ends_though_another_thread_starts_the_next_loop_meanwhile():
    home, busy, started = BackgroundLoop(), threading.Event(), threading.Event()

    async def stubborn():
        busy.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.to_thread(
                started.wait
            )  # close() waits for this, and the other for close()
            raise

    def use():
        try:
            home.run(stubborn())
        except BaseException as error:  # noqa: BLE001  cancelled, as it should be
            ended.append(type(error).__name__)

    ended = []
    user = threading.Thread(target=use, daemon=True)
    user.start()
    busy.wait()
    closer = threading.Thread(target=home.close, daemon=True)
    closer.start()
    while home._loop is not None:  # until close() has let go of it
        pass
    assert home.run(asyncio.sleep(0, "on the next loop")) == "on the next loop"
    started.set()
    closer.join(30)
    user.join(30)
    assert not closer.is_alive()
    assert ended == ["CancelledError"]
    home.close()

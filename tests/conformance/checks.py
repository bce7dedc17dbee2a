"""What the walk is made of: named steps, each of which must come out as expected, and a tally of them."""

import contextlib
import time
import traceback

passed = 0
failed = []
skipped = []


def check(what, got, expected):
    """One comparison; a difference is told at once and the walk goes on."""
    global passed
    if got == expected:
        passed += 1
        print(f"  ok    {what}")
    else:
        failed.append(what)
        print(f"  DIFF  {what}\n          expected {expected!r}\n          got      {got!r}")


def true(what, condition, shown=None):
    check(what, True if condition else shown if shown is not None else False, True)


@contextlib.contextmanager
def part(name):
    """A part of the walk. What breaks it counts as one difference and the next part begins."""
    print(f"{name}")
    try:
        yield
    except Exception:
        failed.append(f"{name}: broke off")
        print("  DIFF  broke off:")
        print("".join(f"          {line}\n" for line in traceback.format_exc().splitlines()))


def fails(what, call_result, error, status=None):
    """An expected exception, given as what `refused` returned."""
    check(what, (type(call_result).__name__, getattr(call_result, "status_code", None)), (error, status))


async def refused(awaitable):
    """The exception of a call that must fail, None if it does not."""
    try:
        await awaitable
    except Exception as exception:  # which one is what the check is about
        return exception
    return None


def finish(started):
    print()
    for what in failed:
        print(f"different: {what}")
    print(f"walked {passed + len(failed)} checks in {time.monotonic() - started:.1f} s")
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed else 0

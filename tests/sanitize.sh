#!/usr/bin/env bash
# Builds the compiled core with sanitizers and runs the tests on it:
#
#   tests/sanitize.sh VENV [address] [thread]
#
# address: AddressSanitizer and UndefinedBehaviorSanitizer, on all tests that reach compiled code.
# thread:  ThreadSanitizer, on the tests that use several threads.
# Both by default. VENV is an environment that has everything the tests need; it is only read.
# Needs Linux and GCC. More arguments for pytest: PYTEST_ARGS.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${1:?"usage: tests/sanitize.sh VENV [address] [thread]"}
shift
[ $# -gt 0 ] || set -- address thread
CXX=${CXX:-g++}

"$venv/bin/python" -c 'import cmake, hypothesis, ninja, numpy, pybind11, pytest, sklearn' ||
    { echo "$venv lacks what the tests need: make .venv/.installed" >&2; exit 2; }
packages=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' src/steepest/__init__.py)

# An interpreter without packages of its own. VENV's come by PYTHONPATH, where .pth files are not
# read: the hook of an editable install would put the ordinary build before the one under test.
interpreter=.venv-sanitize/bin/python
"$venv/bin/python" -m venv --clear --without-pip .venv-sanitize

# build NAME SANITIZERS: the package as it would be installed, in build/NAME/tree.
build() {
    local tree="build/$1/tree"
    # Debug: with assertions, those of pybind11 about the GIL included. The sanitizers set -O1.
    PATH="$venv/bin:$PATH" CXX=$CXX cmake -S . -B "build/$1" -G Ninja --log-level=WARNING \
        -DCMAKE_BUILD_TYPE=Debug -DSTEEPEST_SANITIZE="$2" -DSKBUILD_PROJECT_VERSION="$version" \
        -DPython_EXECUTABLE="$venv/bin/python" \
        -Dpybind11_DIR="$("$venv/bin/python" -m pybind11 --cmakedir)"
    PATH="$venv/bin:$PATH" cmake --build "build/$1"
    rm -rf "$tree"
    mkdir -p "$tree"
    cp -R src/steepest "$tree"
    PATH="$venv/bin:$PATH" cmake --install "build/$1" --component python --prefix "$tree"
}

# run NAME LIBRARY [VARIABLE=VALUE ...] -- PYTEST ARGUMENTS
# The interpreter is not instrumented, so the sanitizer's library is loaded first; and libstdc++
# with it, since the sanitizer looks up its exception functions at the start.
run() {
    local name=$1 library=$2 variables=()
    shift 2
    while [ "$1" != -- ]; do variables+=("$1"); shift; done
    shift
    env PYTHONPATH="build/$name/tree:$packages" PYTHONMALLOC=malloc PYTHONDONTWRITEBYTECODE=1 \
        OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 "${variables[@]}" \
        LD_PRELOAD="$("$CXX" -print-file-name="$library") $("$CXX" -print-file-name=libstdc++.so)" \
        "$interpreter" -m pytest -q -s -p no:cacheprovider -o timeout=1200 "$@" ${PYTEST_ARGS:-}
}

for sanitizer; do
    case $sanitizer in
    address)
        build asan address,undefined
        # Left out: tests of pure Python. Leaks are not looked for: the interpreter's own drown them.
        run asan libasan.so \
            ASAN_OPTIONS=detect_leaks=0:strict_init_order=1:allocator_may_return_null=1 \
            UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
            -- tests --ignore=tests/test_cli.py --ignore=tests/test_model_file.py \
            --ignore=tests/test_plot.py --ignore=tests/test_reference.py \
            --ignore=tests/test_reference_descent.py
        ;;
    thread)
        build tsan thread
        # die_after_fork=0: some tests fork a process that has threads, and start threads in the child.
        run tsan libtsan.so \
            TSAN_OPTIONS=halt_on_error=0:exitcode=66:die_after_fork=0:suppressions=tests/tsan.supp \
            -- tests -k thread --ignore=tests/test_cli.py --ignore=tests/test_plot.py
        ;;
    *)
        echo "unknown sanitizer $sanitizer: address or thread" >&2
        exit 2
        ;;
    esac
done

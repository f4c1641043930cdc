# Each command sets up what it needs (see packaging/bootstrap.sh) and then acts.
ifeq ($(OS),Windows_NT)
    PY := .venv/Scripts/python.exe
    DISPLAY_FOUND := yes
else
    PY := .venv/bin/python
    DISPLAY_FOUND := $(DISPLAY)$(WAYLAND_DISPLAY)$(filter Darwin,$(shell uname -s))
endif
OUT ?= out/demo

.PHONY: help demo run test bench shots format
.SILENT:

help:
	echo "make demo    the sample project, from its first month to its last: in a window, or without a display into $(OUT)"
	echo "make run     the program"
	echo "make test    style, types, imports and all tests; LANES='types headless' runs some of them"
	echo "make bench   the measurements; BENCH='bench_x' runs some of them"
	echo "make shots   pictures of every page, into shots/"
	echo "make format  put the code in order"

ifneq ($(strip $(DISPLAY_FOUND)),)
demo:
	packaging/bootstrap.sh window
	$(PY) main.py demo
else
demo:
	packaging/bootstrap.sh
	echo "No display here: the demo runs without a window and writes its report and pictures to $(OUT)"
	$(PY) main.py demo --headless --out $(OUT)
	echo "The report and the pictures are in $(OUT):" && ls $(OUT)
endif

run:
	packaging/bootstrap.sh window
	$(PY) main.py

test:
	packaging/bootstrap.sh window tests
	$(PY) packaging/check.py $(LANES)

bench:
	packaging/bootstrap.sh
	$(PY) -m benchmarks $(BENCH)

shots:
	packaging/bootstrap.sh
	QT_QPA_PLATFORM=offscreen $(PY) -m mlops_desktop.ui.shots shots/

format:
	packaging/bootstrap.sh
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

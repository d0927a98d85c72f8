# Two commands to know: `make run` and `make test`. The work is done by Meson and the scripts.
build:
	@scripts/bootstrap build
	@scripts/configure build plain
	@ninja -C build src/roadstead
conformance clients model soak: build
run test bench lint conformance clients durability model soak:
	@scripts/$@
tsan:
	@scripts/test tsan -m tsan
clean:
	rm -rf build build-*
.PHONY: build run test bench lint conformance clients durability model soak tsan clean

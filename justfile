# The commands of the project. `just` lists them.

default:
    @just --list

# The server with mock services, a small lab and an outage that repeats.
demo:
    cargo run --release -- demo

# All tests.
test:
    cargo test --workspace

# What CI runs.
ci:
    .ci/run

# Time per snapshot, against what parsing alone costs.
bench:
    cargo bench --package status-server

# Random outages, for as long as you like: `just soak 1h`.
soak time:
    cargo test --package status-tests --test soak -- --for {{time}}

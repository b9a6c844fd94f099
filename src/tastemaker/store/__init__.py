"""What outlives the process: ports for events, items, people, states, vectors, artefacts and jobs, and adapters."""

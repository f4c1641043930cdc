"""Steps, triggers, the engine, the agent and the sample player: the only room that strings stages together."""

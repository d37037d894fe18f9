"""What Prefect sees: flows and their tasks, states, artifacts, schedules, automations."""

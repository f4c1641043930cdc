"""What the server process imports once for all workers. Importing must not start threads."""

from mlops_desktop.pipelines import steps

steps.import_slow_libraries()

"""The tab "Checkly" of Airflow's UI: a plugin without a backend, and static files that read XCom `gate`."""

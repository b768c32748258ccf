"""Checkly over HTTP: plain data, plain functions, two small transports; never imports airflow."""

# The package and Airflow, for docker-compose.yml.
FROM python:3.11.13-slim-bookworm

ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    AIRFLOW_HOME=/opt/airflow CTO_HOME=/var/lib/cto

# A named volume takes over the owner of the folder that it is mounted on.
RUN useradd --uid 10001 --home-dir /opt/airflow --create-home airflow \
    && install --directory --owner=airflow --group=airflow /opt/airflow/logs /opt/airflow/auth /var/lib/cto

WORKDIR /opt/cto
COPY requirements/airflow.txt requirements/
RUN pip install -r requirements/airflow.txt
COPY pyproject.toml README.md LICENSE ./
COPY cto cto
COPY connectors connectors
COPY annotators annotators
COPY label_functions label_functions
COPY warehouse warehouse
RUN pip install --no-deps . && pip check

USER 10001
WORKDIR /opt/airflow
CMD ["airflow", "version"]

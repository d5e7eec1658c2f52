"""Writes samples in Prometheus' text format (prometheus_client). The format knows the escaping of names and labels."""

from collections.abc import Iterator
from typing import NamedTuple

from prometheus_client import exposition
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric

from aps2mqtt.base.names import Names
from aps2mqtt.journal.entry import Entry
from aps2mqtt.prometheus.samples import COUNTER, GAUGE, INFO, Sample, samples

FAMILIES = {GAUGE: GaugeMetricFamily, COUNTER: CounterMetricFamily, INFO: InfoMetricFamily}


class _Collector(NamedTuple):
    """Groups the samples by their name, as the format wants them."""

    samples: tuple[Sample, ...]

    def collect(self) -> Iterator[Metric]:
        families = {}
        for series, labels, value in self.samples:
            if series not in families:
                stem = series.name.removesuffix(f"_{INFO}")  # the library adds it again
                families[series] = FAMILIES[series.type](stem, series.help, labels=series.labels)
            families[series].add_metric(labels, value)
        yield from families.values()


def text(entry: Entry, names: Names) -> str:
    """The content of the file of one ECU, for the textfile collector of node_exporter."""
    return exposition.generate_latest(_Collector(tuple(samples(entry, names)))).decode()

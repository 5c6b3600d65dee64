using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;

namespace ProcessCluster.TestApp;

/// <summary>What the driver does with the library's instruments and traces: what a collector would.</summary>
internal static class MetricsDriver
{
    private static readonly SortedDictionary<string, double> Values = new(StringComparer.Ordinal);
    private static MeterListener? _meters;

    /// <summary>Whether the command is one of these.</summary>
    public static bool Execute(string[] command)
    {
        switch (command)
        {
            case ["measure"]:
                Measure();
                Trace();
                Driver.Say("measuring");
                return true;
            case ["metrics"]:
                _meters!.RecordObservableInstruments();
                lock (Values)
                    Driver.Say($"metrics {string.Join(' ', Values.Select(value => string.Create(CultureInfo.InvariantCulture, $"{value.Key}={value.Value}")))}");
                return true;
            default:
                return false;
        }
    }

    /// <summary>Writes a line for each measurement of the counters whose names begin so.</summary>
    public static void Print(string prefix)
    {
        _meters = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument is Counter<long> && instrument.Name.StartsWith(prefix, StringComparison.Ordinal))
                    listener.EnableMeasurementEvents(instrument);
            },
        };
        _meters.SetMeasurementEventCallback<long>(static (instrument, value, _, _) => Console.WriteLine($"measured {instrument.Name} {value}"));
        _meters.Start();
    }

    private static void Measure()
    {
        _meters = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == "ProcessCluster")
                    listener.EnableMeasurementEvents(instrument);
            },
        };
        _meters.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Note(instrument, value, tags));
        _meters.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Note(instrument, value, tags));
        _meters.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Note(instrument, value, tags));
        _meters.Start();
    }

    private static void Note(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var name = instrument.Name["processcluster.".Length..];
        foreach (var (tag, of) in tags)
            name += $"[{tag}:{of}]";
        lock (Values)
        {
            switch (instrument)
            {
                case { IsObservable: true }:
                    Values[name] = value;
                    break;
                case Histogram<double>:
                    Add($"{name}#", 1);
                    Add(name, value);
                    break;
                default:
                    Add(name, value);
                    break;
            }
        }

        void Add(string name, double more) => Values[name] = Values.GetValueOrDefault(name) + more;
    }

    private static void Trace() => ActivitySource.AddActivityListener(new ActivityListener
    {
        ShouldListenTo = static source => source.Name == "ProcessCluster",
        Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
        ActivityStopped = static activity => Driver.Say(
            $"span {activity.OperationName} in {activity.Parent?.OperationName ?? "none"} {activity.Status} "
            + $"{string.Join(' ', activity.TagObjects.Select(tag => $"{tag.Key}={tag.Value}"))}: {activity.StatusDescription}"),
    });
}

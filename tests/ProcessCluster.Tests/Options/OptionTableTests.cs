using System.Reflection;
using ProcessCluster.Options;

namespace ProcessCluster.Tests.Options;

public sealed class OptionTableTests
{
    [Fact]
    public void Every_option_has_one_row()
    {
        AssertComplete(OptionTable.Cluster, nameof(ClusterOptions.Restart), nameof(ClusterOptions.Recycle), nameof(ClusterOptions.ConnectionSurvival), nameof(ClusterOptions.EndPoints));
        AssertComplete(OptionTable.EndPoint);
        AssertComplete(OptionTable.Restart);
        AssertComplete(OptionTable.Recycle);
        AssertComplete(OptionTable.ConnectionSurvival);
    }

    [Fact]
    public void An_end_point_has_the_ranges_of_the_cluster()
    {
        foreach (var row in OptionTable.EndPoint.Where(row => row.Name != nameof(EndPointOptions.Address)))
        {
            var cluster = Assert.Single(OptionTable.Cluster, other => other.Name == row.Name);
            Assert.Equal((cluster.Type, cluster.Range, cluster.IsText), (row.Type, row.Range, row.IsText));
            Assert.Equal("", row.Format(new EndPointOptions())); // Left out, it is the cluster's.
        }
    }

    [Fact]
    public void A_text_that_was_written_is_read_again()
    {
        AssertReadable(OptionTable.Cluster, new ClusterOptions());
        AssertReadable(OptionTable.Restart, new RestartOptions());
        AssertReadable(OptionTable.Recycle, new RecycleOptions());
        AssertReadable(OptionTable.ConnectionSurvival, new ConnectionSurvivalOptions());
    }

    [Fact]
    public void A_text_that_cannot_be_read_gives_the_remedy_and_changes_nothing()
    {
        var options = new ClusterOptions();
        Assert.Equal("a number, or 'max' for one per processor", Row("Workers").Read(options, "many"));
        Assert.Equal("true or false", Row("PinProcessors").Read(options, "1"));
        Assert.Equal("a time as hh:mm:ss, for example 00:00:30", Row("BootTimeout").Read(options, "30s"));
        Assert.Equal("one of Pause, Close, Reset, ServiceUnavailable", Row("WhenFull").Read(options, "2"));
        Assert.Throws<NotSupportedException>(() => Row("Weights").Read(options, "1"));
        Assert.Equal(new ClusterOptions().BootTimeout, options.BootTimeout);
    }

    private static Option<ClusterOptions> Row(string name) => OptionTable.Cluster.Single(row => row.Name == name);

    private static void AssertComplete<TOptions>(IReadOnlyList<Option<TOptions>> rows, params string[] sections) => Assert.Equal(
        typeof(TOptions).GetProperties(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly).Select(property => property.Name).Except(sections).Order(),
        rows.Select(row => row.Name).Order());

    private static void AssertReadable<TOptions>(IReadOnlyList<Option<TOptions>> rows, TOptions options)
    {
        foreach (var row in rows.Where(row => row.IsText))
        {
            var text = row.Format(options);
            if (text.Length == 0)
                continue;
            Assert.Null(row.Read(options, text));
            Assert.Equal(text, row.Format(options));
            Assert.Null(row.Check(options));
        }
    }
}

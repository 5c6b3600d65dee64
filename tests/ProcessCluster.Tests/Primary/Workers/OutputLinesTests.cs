using System.Text;
using ProcessCluster.Primary.Workers;

namespace ProcessCluster.Tests.Primary.Workers;

public sealed class OutputLinesTests
{
    [Theory]
    [InlineData("one\ntwo\n")]
    [InlineData("one\r\ntwo\r\n")]
    [InlineData("o|ne\nt|wo|\n")]
    [InlineData("one\ntwo")]
    public void The_last_lines_are_known_however_they_come(string parts)
    {
        var lines = new OutputLines(20, prefix: null);
        foreach (var part in parts.Split('|'))
            lines.Add(Encoding.UTF8.GetBytes(part));
        lines.End();
        Assert.Equal(["one", "two"], lines.Tail);
    }

    [Fact]
    public void Only_the_last_are_kept_and_long_ones_are_cut()
    {
        var lines = new OutputLines(2, prefix: null);
        lines.Add(Encoding.UTF8.GetBytes($"a\nb\n{new string('c', 10_000)}\nd\n"));
        Assert.Equal(2, lines.Tail.Count);
        Assert.Equal("d", lines.Tail[^1]);
        Assert.InRange(lines.Tail[0].Length, 1, 500);
    }

    [Theory]
    [InlineData("one\ntwo\n", "one\ntwo\n")]
    [InlineData("one\r\ntwo|thr|ee\n\n", "one\r\n|twothree\n\n")] // Whole lines at a time …
    [InlineData("one\nName: |pause|Ada|pause|\n|end", "one\n|Name: |Ada|\n")] // … but what waits is shown.
    [InlineData("no end|end", "no end")]
    public void Without_a_prefix_all_is_shown_as_it_came(string parts, string shown)
    {
        var lines = new OutputLines(20, prefix: null);
        var pieces = parts.Split('|').Select(part => Encoding.UTF8.GetString(part switch
        {
            "pause" => lines.Pause(),
            "end" => lines.End(),
            _ => lines.Add(Encoding.UTF8.GetBytes(part)),
        }));
        Assert.Equal(shown, string.Join('|', pieces.Where(piece => piece.Length > 0)));
    }

    [Fact]
    public void Nothing_is_lost_or_added_however_it_is_cut()
    {
        var random = new Random(4711);
        var all = Enumerable.Range(0, 100_000).Select(_ => random.Next(30) == 0 ? (byte)'\n' : (byte)random.Next('a', 'z')).ToArray();
        all.AsSpan(50_000, 20_000).Fill((byte)'x');
        var lines = new OutputLines(20, prefix: null);
        var shown = new List<byte>();
        for (var at = 0; at < all.Length;)
        {
            var count = Math.Min(random.Next(1, 20_000), all.Length - at);
            shown.AddRange(lines.Add(all.AsSpan(at, count)));
            at += count;
            if (random.Next(2) == 0)
                shown.AddRange(lines.Pause());
        }
        shown.AddRange(lines.End());
        Assert.Equal(all, shown);
    }

    [Fact]
    public void A_prefix_stands_before_whole_lines()
    {
        var lines = new OutputLines(20, "[worker 3] "u8.ToArray());
        Assert.Equal("[worker 3] one\n", Encoding.UTF8.GetString(lines.Add("one\ntw"u8)));
        Assert.Equal("[worker 3] two\n[worker 3] \n", Encoding.UTF8.GetString(lines.Add("o\n\nthr"u8)));
        Assert.Equal("[worker 3] thr\n", Encoding.UTF8.GetString(lines.End()));
        Assert.True(lines.End().IsEmpty);
    }

    [Fact]
    public void A_line_without_end_is_bounded()
    {
        var lines = new OutputLines(20, "> "u8.ToArray());
        var shown = 0;
        for (var i = 0; i < 1000; i++)
            shown += lines.Add(new byte[1000]).Length;
        shown += lines.End().Length;
        var cuts = (1_000_000 + OutputLines.MaxLine - 1) / OutputLines.MaxLine;
        Assert.Equal(1_000_000 + (cuts * 3), shown);
    }
}

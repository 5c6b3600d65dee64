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

    [Theory]
    [InlineData(OutputLines.MaxLine - 1)]
    [InlineData(OutputLines.MaxLine)]
    public void A_line_of_a_mebibyte_arrives_whole(int length)
    {
        var lines = new OutputLines(20, "> "u8.ToArray());
        var line = new string('x', length);
        Assert.Equal($"> {line}\n> next\n", Show(lines, $"{line}\nnext\n", 10_000));
    }

    [Theory]
    [InlineData("x")]
    [InlineData("ä")]
    [InlineData("€")]
    [InlineData("😀")]
    public void A_longer_line_is_cut_between_characters_and_marked(string character)
    {
        for (var shift = 0; shift < 4; shift++)
        {
            var line = new string('.', shift) + string.Concat(Enumerable.Repeat(character, (OutputLines.MaxLine * 5 / 2) / Encoding.UTF8.GetByteCount(character)));
            var parts = Show(new OutputLines(20, "> "u8.ToArray()), $"{line}\nnext\n", 30_011).Split('\n');
            Assert.Equal(["> next", ""], parts[^2..]);
            Assert.Equal(3, parts.Length - 2);
            Assert.All(parts[..2], part => Assert.EndsWith(OutputLines.ContinuesMark, part, StringComparison.Ordinal));
            Assert.All(parts[1..3], part => Assert.StartsWith($"> {OutputLines.ContinuedMark}", part, StringComparison.Ordinal));
            Assert.Equal(line, string.Concat(parts[..3].Select(part =>
                part["> ".Length..].Replace(OutputLines.ContinuedMark, "", StringComparison.Ordinal).Replace(OutputLines.ContinuesMark, "", StringComparison.Ordinal))));
        }
    }

    [Fact]
    public void Bytes_that_are_no_characters_are_cut_where_they_are()
    {
        var lines = new OutputLines(20, "> "u8.ToArray());
        var shown = 0;
        for (var i = 0; i < 3 * OutputLines.MaxLine / 4096; i++)
            shown += lines.Add(Enumerable.Repeat((byte)0x80, 4096).ToArray()).Length;
        shown += lines.End().Length;
        Assert.Equal((3 * OutputLines.MaxLine) + (3 * "> \n".Length) + (2 * (OutputLines.ContinuesMark.Length + OutputLines.ContinuedMark.Length)), shown);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("> ")]
    public void A_long_line_takes_memory_for_as_long_as_it_lasts(string? prefix)
    {
        var lines = new OutputLines(20, prefix is null ? null : Encoding.UTF8.GetBytes(prefix));
        for (var i = 0; i < 100; i++)
        {
            lines.Add(new byte[16 * 1024]);
            Assert.InRange(lines.Buffered, 0, 5 * OutputLines.MaxLine);
        }
        lines.Add("\n"u8);
        lines.Pause();
        lines.Release();
        Assert.InRange(lines.Buffered, 0, 64 * 1024);
    }

    private static string Show(OutputLines lines, string text, int chunk)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        var shown = new List<byte>();
        for (var at = 0; at < bytes.Length; at += chunk)
        {
            shown.AddRange(lines.Add(bytes.AsSpan(at, Math.Min(chunk, bytes.Length - at))));
            shown.AddRange(lines.Pause());
            lines.Release();
        }
        return Encoding.UTF8.GetString([.. shown]);
    }
}

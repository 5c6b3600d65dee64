using System.Globalization;

namespace BenchReload;

/// <summary>What workers write of themselves, a file each: when they were ready, when they began to leave and when they had stopped, in ms since 1970.</summary>
internal sealed class Notes : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("reload-notes-");

    public static double Now => (DateTime.UtcNow - DateTime.UnixEpoch).TotalMilliseconds;

    public string Folder => _directory.FullName;

    /// <summary>The workers that are ready and alive.</summary>
    public IReadOnlyList<int> Ready => [.. Lines.GroupBy(line => line.Process)
        .Where(lines => lines.Any(line => line.What == "ready") && lines.All(line => line.What != "leaving"))
        .Where(lines => Directory.Exists($"/proc/{lines.Key}"))
        .Select(lines => lines.Key)];

    public double ReadySince(int process) => Lines.First(line => line.Process == process && line.What == "ready").At;

    /// <summary>The fewest that were ready at any time, from when so many were for the first time up to now.</summary>
    public int FewestReady(int atFirst)
    {
        var (ready, fewest, reached) = (0, int.MaxValue, false);
        foreach (var (_, what, _) in Lines.Where(line => line.What != "left").OrderBy(line => line.At))
        {
            ready += what == "ready" ? 1 : -1;
            reached |= ready == atFirst;
            fewest = reached ? Math.Min(fewest, ready) : fewest;
        }
        return fewest;
    }

    /// <summary>How long each that has stopped took for it.</summary>
    public IReadOnlyList<TimeSpan> Departures => [.. Lines.GroupBy(line => line.Process)
        .Where(lines => lines.Any(line => line.What == "left"))
        .Select(lines => TimeSpan.FromMilliseconds(lines.First(line => line.What == "left").At - lines.First(line => line.What == "leaving").At))];

    public void Dispose() => _directory.Delete(recursive: true);

    private List<(int Process, string What, double At)> Lines =>
        [.. from file in _directory.EnumerateFiles()
            from line in File.ReadAllLines(file.FullName)
            let parts = line.Split(' ')
            where parts.Length == 2
            select (int.Parse(file.Name, CultureInfo.InvariantCulture), parts[0], double.Parse(parts[1], CultureInfo.InvariantCulture))];
}

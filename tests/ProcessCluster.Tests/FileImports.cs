using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace ProcessCluster.Tests;

/// <summary>Uses between files, from their syntax alone. The parts of a partial type count as one file.</summary>
internal sealed class FileImports
{
    private readonly Dictionary<string, HashSet<string>> _uses = [];
    private readonly List<string> _circles = [];

    public FileImports(IEnumerable<SourceFile> files)
    {
        var all = files.ToList();
        var declared = all
            .SelectMany(file => file.Types.Select(type => (Name: SourceFile.NameOf(type), File: Unit(file))))
            .GroupBy(type => type.Name, type => type.File)
            .Where(group => group.Distinct().Count() == 1)
            .ToDictionary(group => group.Key, group => group.First());
        foreach (var file in all)
        {
            if (!_uses.TryGetValue(Unit(file), out var uses))
                _uses.Add(Unit(file), uses = []);
            foreach (var name in FolderImports.TypesUsedIn(file.Root, declared.ContainsKey))
                uses.Add(declared[name]);
        }
        FindCircles();
    }

    /// <summary>Gets the files of each circle.</summary>
    public IReadOnlyList<string> Circles => _circles;

    private static string Unit(SourceFile file) => $"{file.Folder}/{file.Name.Split('.')[0]}".TrimStart('/');

    /// <summary>A circle is a set of files that all reach each other.</summary>
    private void FindCircles()
    {
        var reached = _uses.Keys.ToDictionary(file => file, Reachable);
        var seen = new HashSet<string>();
        foreach (var file in _uses.Keys.Order(StringComparer.Ordinal))
        {
            var circle = reached[file].Where(other => other != file && reached[other].Contains(file)).Append(file).Order(StringComparer.Ordinal).ToList();
            if (circle.Count > 1 && seen.Add(circle[0]))
                _circles.Add(string.Join(", ", circle));
        }
    }

    private HashSet<string> Reachable(string from)
    {
        var reached = new HashSet<string>();
        var next = new Stack<string>([from]);
        while (next.TryPop(out var file))
        {
            foreach (var use in _uses[file].Where(reached.Add))
                next.Push(use);
        }
        return reached;
    }
}

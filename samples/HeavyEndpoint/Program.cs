using System.Globalization;

var builder = WebApplication.CreateBuilder(args);
builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
if (!args.Contains("--no-cluster"))
    builder.UseProcessCluster();

var app = builder.Build();
app.MapGet("/", () => $"Handled by worker {Environment.ProcessId}");
app.MapGet("/heavy", () =>
{
    var total = 0;
    for (var i = 0; i < 5_000_000; i++)
        total++;
    return $"Total: {total}";
});
app.MapGet("/api/cluster", Compute);
app.MapGet("/api/nocluster", Compute);
app.Run("http://localhost:3000");

static IResult Compute(string? @base)
{
    var number = 8;
    if (@base is not null && (!int.TryParse(@base, NumberStyles.None, CultureInfo.InvariantCulture, out number) || number is < 1 or > 10))
        return Results.BadRequest($"base is '{@base}': give a whole number from 1 to 10.");

    double result = 0;
    for (var i = Math.Pow(number, 7); i >= 0; i--)
        result += i + Math.Pow(i, 10);
    return Results.Ok(new { result });
}

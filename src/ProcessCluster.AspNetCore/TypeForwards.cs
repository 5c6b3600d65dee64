using System.Runtime.CompilerServices;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

// Programs that were compiled when these types were in this assembly.
[assembly: TypeForwardedTo(typeof(ProcessClusterHostBuilderExtensions))]
[assembly: TypeForwardedTo(typeof(HostedServiceOnceServiceCollectionExtensions))]

<?php
// A kernel with one controller, whose routes are its attributes.
require '/usr/share/php/Symfony/Bundle/FrameworkBundle/autoload.php';
require '/usr/share/php/Symfony/Component/Yaml/autoload.php';
// Before version 6.4 the attribute has another namespace.
if (!class_exists(Symfony\Component\Routing\Attribute\Route::class)) {
    class_alias(Symfony\Component\Routing\Annotation\Route::class, Symfony\Component\Routing\Attribute\Route::class);
}
require __DIR__ . '/WebhookController.php';

use App\Controller\WebhookController;
use Symfony\Bundle\FrameworkBundle\FrameworkBundle;
use Symfony\Bundle\FrameworkBundle\Kernel\MicroKernelTrait;
use Symfony\Component\DependencyInjection\Loader\Configurator\ContainerConfigurator;
use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\HttpKernel\Kernel;
use Symfony\Component\Routing\Loader\Configurator\RoutingConfigurator;

final class Receiver extends Kernel
{
    use MicroKernelTrait;

    public function registerBundles(): iterable
    {
        yield new FrameworkBundle();
    }

    public function getProjectDir(): string
    {
        return __DIR__;
    }

    protected function configureContainer(ContainerConfigurator $container): void
    {
        $container->extension('framework', ['secret' => 'for this test', 'http_method_override' => false]);
        $container->services()->set(WebhookController::class)->public()->tag('controller.service_arguments');
    }

    protected function configureRoutes(RoutingConfigurator $routes): void
    {
        $routes->import(__DIR__ . '/WebhookController.php', 'annotation');
    }
}

$kernel = new Receiver('prod', false);
$request = Request::createFromGlobals();
$response = $kernel->handle($request);
$response->send();
$kernel->terminate($request, $response);
